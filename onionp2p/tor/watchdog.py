# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Noticing that a tor does not answer any more: frozen, or stuck.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
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
        self._watching = Deferred.fromCoroutine(self._watch()).addErrback(_stopped)

    def stop(self) -> None:
        """
        Watch no more.
        """
        self._watching.cancel()

    async def _watch(self) -> None:
        misses = 0
        while misses < _MISSES:
            if not misses:
                await deferLater(self._clock, SECONDS_BETWEEN)
            try:
                await self._control.command("GETINFO uptime", SECONDS_TO_ANSWER)
            except ControlTimeout:
                misses += 1
            except TorError:  # it is gone, which others notice
                return
            else:
                misses = 0
        self._silent()


def _stopped(failure: Failure) -> None:
    failure.trap(CancelledError)
