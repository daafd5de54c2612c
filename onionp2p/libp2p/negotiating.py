# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What is on a new stream until both ends agree on its protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from onionp2p.libp2p.errors import (
    ConnectionClosing,
    Libp2pError,
    StreamRefused,
    StreamReset,
    StreamTimeout,
)
from onionp2p.libp2p.multistream import Chooser, Proposer
from onionp2p.libp2p.stream import Stream

__all__ = ["Choosing", "Proposing"]


@implementer(IHalfCloseableProtocol)
class _Negotiating(Protocol):
    """
    A stream's first protocol, which makes room for the application's.
    """

    transport: Stream

    def __init__(
        self, clock: IReactorTime, negotiation: Proposer | Chooser, seconds: float
    ) -> None:
        """
        @param seconds: how long it may take.
        """
        self._clock = clock
        self._negotiation = negotiation
        self._seconds = seconds

    def connectionMade(self) -> None:
        self._deadline = self._clock.callLater(self._seconds, self._tooLate)

    def dataReceived(self, data: bytes) -> None:
        try:
            answer = self._negotiation.receive(data)
        except Libp2pError as error:
            self._fail(error)
            return
        self.transport.write(answer)
        if self._negotiation.protocol is not None:
            self._deadline.cancel()
            self.transport.putBack(self._negotiation.rest)
            self._agreed(self._negotiation.protocol)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        # Only before there is an agreement: after it the stream is another's.
        if self._deadline.active():
            self._deadline.cancel()

    def readConnectionLost(self) -> None:
        """
        The peer sends no more, before there is an agreement.
        """
        self._fail(StreamReset())

    def writeConnectionLost(self) -> None:
        """
        We never close the write side alone, so this does not come.
        """

    def _tooLate(self) -> None:
        self._fail(StreamTimeout())

    def _fail(self, error: Libp2pError) -> None:
        self.transport.abortConnection()

    def _agreed(self, name: str) -> None:
        raise NotImplementedError

    def _attach(self, factory: IProtocolFactory) -> IProtocol | None:
        """
        Give the stream to the application's protocol.

        @return: L{None} if the factory builds none.
        """
        protocol = factory.buildProtocol(self.transport.getPeer())
        if protocol is None:
            self.transport.abortConnection()
            return None
        self.transport.protocol = protocol
        protocol.makeConnection(self.transport)
        return protocol


class Choosing(_Negotiating):
    """
    On a stream that the peer opened.
    """

    def __init__(
        self,
        clock: IReactorTime,
        factories: Mapping[str, IProtocolFactory],
        seconds: float,
        ended: Callable[[], object],
    ) -> None:
        """
        @param factories: what builds the protocol of each name.
        @param ended: called once it is over, whatever came of it.
        """
        super().__init__(clock, Chooser(factories), seconds)
        self._factories = factories
        self._ended = ended

    def _agreed(self, name: str) -> None:
        self._over()
        self._attach(self._factories[name])

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._over()

    def _over(self) -> None:
        ended, self._ended = self._ended, bool
        ended()


class Proposing(_Negotiating):
    """
    On a stream that we opened.

    @ivar result: fires with the application's protocol, or fails with a L{Libp2pError}.  To cancel
        it ends the stream.
    """

    _log = Logger()

    def __init__(
        self, clock: IReactorTime, name: str, factory: IProtocolFactory, seconds: float
    ) -> None:
        """
        @param name: the protocol that the peer is to speak.
        @param factory: builds it.
        """
        proposer = Proposer([name])
        super().__init__(clock, proposer, seconds)
        self._proposal = proposer.start()
        self._factory = factory
        self.result: Deferred[IProtocol] = Deferred(self._cancelled)

    def connectionMade(self) -> None:
        super().connectionMade()
        self._factory.doStart()
        self.transport.whenEnded = self._factory.doStop
        self.transport.write(self._proposal)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        if not self.result.called:
            self.result.errback(reason if reason.check(Libp2pError) else ConnectionClosing())

    def _cancelled(self, _: Deferred[IProtocol]) -> None:
        self.transport.abortConnection()

    def _fail(self, error: Libp2pError) -> None:
        super()._fail(error)
        if not self.result.called:
            self.result.errback(error)

    def _agreed(self, name: str) -> None:
        try:
            protocol = self._attach(self._factory)
        except Exception:  # noqa: BLE001 - it is the caller's
            self.transport.abortConnection()
            self.result.errback(Failure())
            return
        if protocol is None:
            self.result.errback(StreamRefused())
        else:
            self.result.callback(protocol)
