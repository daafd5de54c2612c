# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Carrying each connection that comes in to an endpoint that is dialled for it.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, TimeoutError, maybeDeferred
from twisted.internet.interfaces import IAddress, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from onionp2p.events import Carried, Carrying, Event, EventObserver, NotCarried, publish
from onionp2p.forwarding.ends import End, join
from onionp2p.forwarding.limits import Counts, Limits, TooManyConnections
from onionp2p.local.quiet import quietFactory
from onionp2p.waiting.cancelling import CANCELLED
from onionp2p.waiting.outcome import Outcome

__all__ = ["Forwarder"]

_SECONDS_TO_FINISH = 2.0
_SECONDS_BETWEEN_COMPLAINTS = 1.0


class Forwarder(Factory):
    """
    Carries.  To be given to what listens.

    Nothing is read of a connection until whom it is for is there.  If he can't be reached, it is
    closed at once.

    @ivar counts: what was carried until now.
    """

    noisy = False
    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        endpoint: IStreamClientEndpoint,
        limits: Limits | None = None,
        observer: EventObserver | None = None,
    ) -> None:
        """
        @param endpoint: where each connection is carried to.
        @param limits: how much is carried.
        @param observer: told of each connection that was carried, and of those that were not, one a
            second.
        """
        self.reactor = reactor
        self.limits = limits or Limits()
        self.counts = Counts()
        self._endpoint = endpoint
        self._observer = observer
        self._carriages: set[_Carriage] = set()
        self._pending = 0
        self._lastTold = -math.inf
        self._idle: Outcome[None] | None = None

    @property
    def open(self) -> int:
        """
        How many connections there are now.
        """
        return len(self._carriages)

    def buildProtocol(self, addr: IAddress | None) -> End | None:
        self.count(accepted=1)
        limits = self.limits
        if self.open >= limits.connections or self._pending >= limits.pending:
            self.count(refused=1)
            self.notCarried(TooManyConnections())
            return None
        carriage = _Carriage(self)
        self._carriages.add(carriage)
        return carriage.accepted

    def dial(self, end: End) -> Deferred[Any]:
        """
        Connect one end to whom all are carried to.
        """
        self._pending += 1
        dialing = maybeDeferred(self._endpoint.connect, quietFactory(end))
        return dialing.addTimeout(self.limits.seconds, self.reactor)

    def dialled(self) -> None:
        """
        A dial is over.
        """
        self._pending -= 1

    def ended(self, carriage: _Carriage) -> None:
        """
        A connection is no more.
        """
        self._carriages.discard(carriage)
        if self._idle is not None and not self._carriages:
            self._idle.succeed(None)

    def count(self, **more: int) -> None:
        """
        Add to the counts.
        """
        before = self.counts
        self.counts = replace(
            before, **{name: getattr(before, name) + n for name, n in more.items()}
        )

    def tell(self, event: Event) -> None:
        """
        Tell what happens to a connection.
        """
        publish(self._log, event, self._observer)

    def notCarried(self, error: BaseException) -> None:
        """
        Tell of one that was not.  Whoever knows an onion can have many fail, and shall not fill the
        log: one a second is told, all are counted.
        """
        now = self.reactor.seconds()
        if abs(now - self._lastTold) >= _SECONDS_BETWEEN_COMPLAINTS:
            self._lastTold = now
            self.tell(NotCarried(error))

    async def stop(self) -> None:
        """
        End all connections: those that are carried once what was read is written, which gets two
        seconds, and those that wait at once.
        """
        for carriage in list(self._carriages):
            carriage.close()
        if self._carriages:
            self._idle = Outcome()
            overdue = self.reactor.callLater(_SECONDS_TO_FINISH, self._abortAll)
            try:
                await self._idle.wait()
            finally:
                if overdue.active():
                    overdue.cancel()

    def _abortAll(self) -> None:
        for carriage in list(self._carriages):
            carriage.abort()


class _Carriage:
    """
    One connection that came in, and the one that was dialled for it.
    """

    def __init__(self, forwarder: Forwarder) -> None:
        self._forwarder = forwarder
        self._begun = forwarder.reactor.seconds()
        self._dialing: Deferred[Any] | None = None
        self.accepted = End(forwarder.reactor, self._dial, self._lostAccepted)
        self._dialled = End(forwarder.reactor, self._join, self._lost)
        self._open = 1

    def _dial(self) -> None:
        self.accepted.transport.pauseProducing()
        self._dialing = dialing = self._forwarder.dial(self._dialled)
        dialing.addBoth(self._dialEnded)
        dialing.addErrback(self._failed)

    def _dialEnded(self, result: object) -> object:
        self._dialing = None
        self._forwarder.dialled()
        return result

    def _join(self) -> None:
        self._open += 1
        for end in (self.accepted, self._dialled):
            # Small messages shall not wait for each other once more than they did.
            if isinstance(end.transport.getHost(), IPv4Address | IPv6Address):
                end.transport.setTcpNoDelay(True)
        join(self.accepted, self._dialled)
        self._forwarder.tell(Carrying())
        self.accepted.transport.resumeProducing()

    def _failed(self, failure: Failure) -> None:
        forwarder = self._forwarder
        if not failure.check(*CANCELLED):
            forwarder.count(failed=1)
            forwarder.notCarried(_reason(failure, forwarder.limits.seconds))
        self.accepted.abort()

    def _lostAccepted(self) -> None:
        if self._dialing is not None:
            self._dialing.cancel()
        self._lost()

    def _lost(self) -> None:
        self._open -= 1
        if self._open:
            return
        forwarder, sent, received = self._forwarder, self.accepted.received, self._dialled.received
        forwarder.count(sent=sent, received=received)
        if self._dialled.transport is not None:
            forwarder.tell(Carried(sent, received, forwarder.reactor.seconds() - self._begun))
        forwarder.ended(self)

    def close(self) -> None:
        """
        End it in good order.
        """
        if self._dialing is not None:
            self._dialing.cancel()
            return
        for end in self._connected():
            end.close()

    def abort(self) -> None:
        """
        End it at once.
        """
        for end in self._connected():
            end.abort()

    def _connected(self) -> list[End]:
        # Of one that could not be carried, what came in may be there for a moment yet.
        return [end for end in (self.accepted, self._dialled) if end.transport is not None]


def _reason(failure: Failure, seconds: float) -> BaseException:
    if failure.check(TimeoutError):
        return TimeoutError(f"nobody answered in {seconds:g} s.")
    return cast("BaseException", failure.value)
