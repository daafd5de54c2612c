# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Watching over a listener: what it is doing, told as events; whether strangers can reach it; and what
is done about it where they can't.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from onionp2p.address import OnionAddress
from onionp2p.errors import OnionRefused, TorError
from onionp2p.events import (
    Cause,
    Event,
    EventObserver,
    Published,
    Reachable,
    Repairing,
    Starting,
    Stopped,
    Unreachable,
    publish,
)
from onionp2p.outcome import Outcome
from onionp2p.probing import ProbeFailed, probe

if TYPE_CHECKING:
    from onionp2p.tor.lease import TorLease
    from onionp2p.tor.servedport import ServedPort

__all__ = ["Watch"]

_FIRST_PAUSE, _PAUSE_FACTOR = 5.0, 2.0


class _Repair(Enum):
    """
    What is done, gentlest first.
    """

    NOTHING = "probing again"
    REPUBLISH = "publishing it anew"
    RESTART = "restarting tor"


# By how often it could not be reached in a row.  The first time it may have been the probe's own
# circuit; between two repairs there is time for the first one to help.
_LADDER = {2: _Repair.REPUBLISH, 4: _Repair.REPUBLISH, 6: _Repair.RESTART}
_ROUND = 8
# Where these are the cause, tor mends it, or its supervisor, or nobody here can.
_NOT_OURS = {Cause.TOR_DOWN, Cause.TOR_SILENT, Cause.NETWORK_DOWN, Cause.NOT_BOOTSTRAPPED}


class Watch:
    """
    Follows one listener from its beginning to its end.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        lease: TorLease,
        served: ServedPort,
        address: OnionAddress,
        isHere: Callable[[], bool],
        *,
        interval: float | None,
        eager: bool,
        observer: EventObserver | None,
    ) -> None:
        """
        @param isHere: whether our local socket is where tor looks for it.
        @param interval: from one probe to the next, in seconds; L{None} to make none.
        @param eager: whether the first one is made at once.
        @param observer: told what happens.
        """
        self._reactor = reactor
        self._lease = lease
        self._served = served
        self._address = address
        self._isHere = isHere
        self._interval = interval
        self._eager = eager
        self._observer = observer
        self._reached: Outcome[None] = Outcome()
        self._tell(Starting(address))
        # What would wake us up at the end of a program is of no use any more.
        self._trigger = reactor.addSystemEventTrigger("before", "shutdown", self._cease)
        self._following = Deferred.fromCoroutine(self._follow())
        self._following.addErrback(self._ceased)

    def whenReached(self) -> Deferred[None]:
        """
        Give a Deferred that fires when a probe has come through.
        """
        return self._reached.wait()

    def stop(self) -> None:
        """
        The listener is no more.
        """
        if self._trigger is not None:
            self._reactor.removeSystemEventTrigger(self._trigger)
            self._cease()
            self._tell(Stopped(self._address))

    def _cease(self) -> None:
        self._trigger = None
        self._following.cancel()

    def _ceased(self, failure: Failure) -> None:
        # A TorError says that there will be no more tors; who asked for that knows.
        failure.trap(CancelledError, TorError)

    def _tell(self, event: Event) -> None:
        publish(self._log, event, self._observer)

    async def _follow(self) -> None:
        while True:
            tor = await self._lease.launched()
            up = Deferred.fromCoroutine(self._whileUp())
            # Whatever is under way is of no use when tor has gone.
            tor.control.whenLost().addCallback(_cancel, up)
            try:
                await up
            except CancelledError:
                if not tor.control.lost:
                    raise
            self._tell(Unreachable(self._address, Cause.TOR_DOWN))

    async def _whileUp(self) -> None:
        await self._served.whenPublished()
        self._tell(Published(self._address))
        if self._interval is None:
            await Deferred()
            return
        # A tor that is back again is looked at without delay.
        eager, self._eager = self._eager, True
        if not eager:
            await self._pause(self._interval)
        failures = 0
        while True:
            try:
                seconds = await probe(self._reactor, self._lease, self._served, self._isHere)
            except ProbeFailed as failed:
                failures += 1
                self._tell(Unreachable(self._address, failed.cause, failed.detail))
                if failed.cause not in _NOT_OURS:
                    await self._repair(_LADDER.get(failures % _ROUND, _Repair.NOTHING))
                pause = min(_FIRST_PAUSE * _PAUSE_FACTOR ** (failures - 1), self._interval)
            else:
                failures, pause = 0, self._interval
                self._tell(Reachable(self._address, seconds))
                self._reached.succeed(None)
            await self._pause(pause)

    async def _pause(self, seconds: float) -> None:
        jittered = seconds * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
        await deferLater(self._reactor, jittered)

    async def _repair(self, repair: _Repair) -> None:
        if repair is _Repair.NOTHING:
            return
        self._tell(Repairing(self._address, repair.value))
        if repair is _Repair.RESTART:
            self._lease.restart()
            return
        try:
            await self._served.republish()
        except (OnionRefused, TorError) as error:
            self._log.error(
                "{address} was not repaired: {error}", address=self._address, error=error
            )


def _cancel(_: None, waiting: Deferred[None]) -> None:
    waiting.cancel()
