# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
libp2p's rhythm: ping at once, then again some time after each result.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from onionp2p.ping.errors import PingError, PingUnsupported
from onionp2p.ping.initiator import TIMEOUT, PingInitiator, pingPayload
from onionp2p.ping.results import Err, Ok, PingEvent

__all__ = ["INTERVAL", "PeriodicPinger", "PingInitiatorFactory", "pingPeriodically"]

INTERVAL = 15.0
"""Seconds from a ping's result to the next ping."""

_TOLERATED = 1
"""Failures in a row that are not reported."""


_log = Logger()


async def pingPeriodically(
    clock: IReactorTime,
    ping: Callable[[], Awaitable[Ok]],
    peer: IAddress,
    observer: Callable[[PingEvent], object],
    *,
    interval: float,
    ended: Callable[[], bool],
) -> None:
    """
    Ping at once, and again some time after each result.

    The first failure in a row is not reported; a success begins a new row.  That the peer does not
    speak ping is reported at once, and is the end of it.

    @param ping: pings once; fails with a L{PingError}.
    @param observer: is told every result that is to be reported.
    @param interval: seconds from a result to the next ping.
    @param ended: whether there is nobody to ping any more.
    """
    failuresInARow = 0
    while not ended():
        unsupported = False
        try:
            result: Ok | Err = await ping()
            failuresInARow = 0
        except PingError as error:
            result = Err(error)
            failuresInARow += 1
            unsupported = isinstance(error, PingUnsupported)
        if failuresInARow == 0 or failuresInARow > _TOLERATED or unsupported:
            with _log.failuresHandled("while telling of a ping:"):
                observer(PingEvent(peer, result))
        if unsupported:
            return
        if not ended():
            await deferLater(clock, interval)


class PeriodicPinger(PingInitiator):
    """
    Pings in the rhythm of L{pingPeriodically}, as long as the connection lasts.
    """

    def __init__(
        self,
        clock: IReactorTime,
        observer: Callable[[PingEvent], object],
        *,
        interval: float = INTERVAL,
        timeout: float = TIMEOUT,
        payload: Callable[[], bytes] = pingPayload,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        """
        @param observer: is told every result that is to be reported.
        @param interval: seconds from a result to the next ping.

        For the others see L{PingInitiator}.
        """
        super().__init__(clock, timeout=timeout, payload=payload, now=now)
        self._observer = observer
        self._interval = interval
        self._pinging: Deferred[None] = succeed(None)

    def connectionMade(self) -> None:
        super().connectionMade()
        self._pinging = Deferred.fromCoroutine(
            pingPeriodically(
                self._clock,
                self.ping,
                self.peer,
                self._observer,
                interval=self._interval,
                ended=lambda: self.ended,
            )
        )
        self._pinging.addErrback(lambda stopped: stopped.trap(CancelledError))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._pinging.cancel()


class PingInitiatorFactory(Factory):
    """
    Pings every peer that it is connected to, in libp2p's rhythm.

    @cvar payload: makes the bytes of each ping.
    """

    noisy = False
    payload = staticmethod(pingPayload)

    def __init__(
        self,
        clock: IReactorTime,
        observer: Callable[[PingEvent], object],
        *,
        interval: float = INTERVAL,
        timeout: float = TIMEOUT,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        """
        For the arguments see L{PeriodicPinger}.
        """
        self._clock = clock
        self._observer = observer
        self._interval = interval
        self._timeout = timeout
        self._now = now

    def buildProtocol(self, addr: IAddress | None) -> PeriodicPinger:
        pinger = PeriodicPinger(
            self._clock,
            self._observer,
            interval=self._interval,
            timeout=self._timeout,
            payload=self.payload,
            now=self._now,
        )
        pinger.factory = self
        return pinger
