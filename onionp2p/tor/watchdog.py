# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Noticing that a tor does not answer any more: frozen, or stuck.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from onionp2p.errors import ControlTimeout, TorError

if TYPE_CHECKING:
    from onionp2p.tor.control import TorControl

__all__ = ["Watchdog"]

SECONDS_BETWEEN = 30.0
SECONDS_TO_ANSWER = 30.0
_MISSES = 2


class Watchdog:
    """
    Asks a tor something every 30 s, and tells when two answers in a row have not come.
    """

    def __init__(
        self, clock: IReactorTime, control: TorControl, silent: Callable[[], None]
    ) -> None:
        """
        @param silent: called once, when tor is taken for dead.
        """
        self._clock = clock
        self._control = control
        self._silent = silent
        self._misses = 0
        self._asking: Deferred[None] | None = None
        self._next: IDelayedCall = clock.callLater(SECONDS_BETWEEN, self._ask)

    def stop(self) -> None:
        """
        Watch no more.
        """
        if self._next.active():
            self._next.cancel()
        if self._asking is not None:
            self._asking.cancel()

    def _ask(self) -> None:
        asking = self._asking = Deferred.fromCoroutine(self._listen())
        asking.addErrback(_stopped)

    async def _listen(self) -> None:
        try:
            await self._control.command("GETINFO uptime", SECONDS_TO_ANSWER)
        except ControlTimeout:
            self._misses += 1
            pause = 0.0
        except TorError:  # it is gone, which others notice
            return
        else:
            self._misses, pause = 0, SECONDS_BETWEEN
        if self._misses < _MISSES:
            self._next = self._clock.callLater(pause, self._ask)
        else:
            self._silent()


def _stopped(failure: Failure) -> None:
    failure.trap(CancelledError)
