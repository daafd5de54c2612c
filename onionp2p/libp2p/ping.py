# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
libp2p's ping on streams (libp2p specs, C{ping/ping.md}), as rust-libp2p does it.

There is at most one stream of ours to a peer, kept from ping to ping.  Peers end it when they like:
go and py when it was idle for 10 s, js 10 s after it was opened, even while a ping is on its way.
So a stream that has ended is opened anew, and a ping that its end cut off is sent again, and nobody
hears of it.  What counts as the round trip begins when the peer has agreed to the stream.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import cast

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IAddress, IProtocol, IReactorTime
from twisted.internet.protocol import Factory, connectionDone
from twisted.python.failure import Failure

from onionp2p.libp2p.connection import Connection
from onionp2p.libp2p.errors import Libp2pError, ProtocolUnsupported
from onionp2p.ping.errors import ConnectionEnded, NoEcho, PingError, PingUnsupported
from onionp2p.ping.initiator import TIMEOUT, PingInitiator
from onionp2p.ping.responder import PingResponder
from onionp2p.ping.results import Ok

__all__ = ["INBOUND_STREAMS", "NAME", "Pinger", "PingsFactory"]

NAME = "/ipfs/ping/1.0.0"
"""Ping's name as a protocol of libp2p."""

INBOUND_STREAMS = 2
"""Streams on which one peer may ping us at a time: what the specification advises."""


class Pinger:
    """
    Pings the peer at the other end of a connection.
    """

    def __init__(
        self,
        clock: IReactorTime,
        connection: Connection,
        *,
        timeout: float = TIMEOUT,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        """
        @param clock: schedules time-outs.
        @param connection: must be open.
        @param timeout: seconds that the peer has to agree to a stream, and again for each echo.
        @param now: measures round trips: seconds of any monotonic clock.
        """
        self._clock = clock
        self._connection = connection
        self._timeout = timeout
        self._now = now
        self._initiator: PingInitiator | None = None
        self._opening = DeferredLock()

    def ping(self) -> Deferred[Ok]:
        """
        Send a question and wait for its echo.

        @return: fails with a L{PingError}: with L{PingUnsupported} if the peer speaks no ping.  May
            be cancelled.
        """
        return Deferred.fromCoroutine(self._ping())

    async def close(self) -> None:
        """
        Tell the peer that there are no more questions; the connection goes on.

        @return: once the stream has ended.
        """
        if self._initiator is not None:
            await self._initiator.close()

    async def _ping(self) -> Ok:
        used = self._initiator
        initiator = await self.open()
        try:
            return await self._ask(initiator)
        except ConnectionEnded as error:
            if initiator is not used:
                raise
            ended = error
        try:
            initiator = await self.open()
        except ConnectionEnded:  # the connection has ended, not the stream alone
            raise ended from None
        return await self._ask(initiator)

    async def _ask(self, initiator: PingInitiator) -> Ok:
        try:
            return await initiator.ping()
        except PingError:
            # Who knows what else comes on this stream: the next ping is to have another.
            await initiator.close()
            raise

    async def open(self) -> PingInitiator:
        """
        Give our stream to the peer, opened if there is none.

        @return: fails as L{ping} does.
        """
        async with self._opening:
            if self._initiator is None or self._initiator.ended:
                self._initiator = await self._openStream()
            return self._initiator

    async def _openStream(self) -> PingInitiator:
        factory = Factory.forProtocol(self._build)
        factory.noisy = False
        opening: Deferred[IProtocol] = self._connection.openStream(NAME, factory)
        opening.addTimeout(self._timeout, self._clock, _noEcho)
        try:
            return cast("PingInitiator", await opening)
        except ProtocolUnsupported:
            raise PingUnsupported from None
        except Libp2pError as error:
            raise ConnectionEnded(error) from None

    def _build(self) -> PingInitiator:
        return PingInitiator(self._clock, timeout=self._timeout, now=self._now)


def _noEcho(cancelled: object, seconds: float) -> Failure:
    return Failure(NoEcho(seconds))


class PingsFactory(Factory):
    """
    Answers the pings of peers, each on a few streams at a time: more are refused.
    """

    noisy = False

    def __init__(self) -> None:
        self._streams: Counter[str] = Counter()

    def buildProtocol(self, addr: IAddress | None) -> PingResponder | None:
        """
        Answer on one more stream.

        @param addr: has the C{peerID} of who opened it, as all addresses of peers.

        @return: L{None} if the peer has opened as many as it may.
        """
        peerID: str = getattr(addr, "peerID", None) or ""
        if self._streams[peerID] >= INBOUND_STREAMS:
            return None
        self._streams[peerID] += 1
        return _CountedResponder(lambda: self._ended(peerID))

    def _ended(self, peerID: str) -> None:
        self._streams[peerID] -= 1
        if not self._streams[peerID]:
            del self._streams[peerID]


class _CountedResponder(PingResponder):
    """
    Tells of its end.
    """

    def __init__(self, ended: Callable[[], object]) -> None:
        super().__init__()
        self._whenOver = ended

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._whenOver()
