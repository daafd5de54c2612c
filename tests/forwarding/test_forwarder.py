# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Carrying connections, between sockets in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer
from zope.interface.verify import verifyObject

from onionp2p.events import Event
from onionp2p.forwarding import Carried, Carrying, Forwarder, Limits, NotCarried
from onionp2p.forwarding.ends import End
from onionp2p.testing import MemoryReactor

MEGABYTE = 1_000_000


@implementer(IHalfCloseableProtocol)
class Peer(Protocol):
    """
    A program at either end, that says when the other one says no more.
    """

    transport: Any = None

    def __init__(self) -> None:
        self._received = bytearray()
        self.heardEnd = False
        self.reason: Failure | None = None

    @property
    def received(self) -> bytes:
        """
        All that it was told.
        """
        return bytes(self._received)

    def isOver(self) -> bool:
        """
        Whether nothing more comes.
        """
        return self.heardEnd or self.reason is not None

    def dataReceived(self, data: bytes) -> None:
        self._received += data

    def readConnectionLost(self) -> None:
        self.heardEnd = True

    def writeConnectionLost(self) -> None:
        pass

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.reason = reason


class Rude(Peer):
    """
    One that closes when the other one says no more.
    """

    def readConnectionLost(self) -> None:
        super().readConnectionLost()
        self.transport.loseConnection()


class Peers(Factory):
    """
    Those who are dialled.
    """

    noisy = False

    def __init__(self, kind: type[Peer] = Peer) -> None:
        self.kind = kind
        self.all: list[Peer] = []

    def buildProtocol(self, addr: object) -> Peer:
        self.all.append(self.kind())
        return self.all[-1]


class Carrier:
    """
    A forwarder from C{/in} to an endpoint, C{/out} unless it is said otherwise.

    @ivar events: what it has told.
    """

    def __init__(
        self,
        reactor: MemoryReactor,
        endpoint: Any = None,
        limits: Limits | None = None,
    ) -> None:
        self.reactor = reactor
        self.events: list[Event] = []
        endpoint = endpoint or UNIXClientEndpoint(reactor, "/out")
        self.forwarder = Forwarder(reactor, endpoint, limits, self.events.append)
        self.ports = [reactor.listenUNIX("/in", self.forwarder)]
        self.peers = Peers()
        self.visitors: list[Peer] = []

    def serve(self, kind: type[Peer] = Peer) -> None:
        """
        Be there at C{/out}.
        """
        self.peers.kind = kind
        self.ports.append(self.reactor.listenUNIX("/out", self.peers))

    def connect(self, kind: type[Peer] = Peer) -> Peer:
        """
        Come in.
        """
        factory = Peers(kind)
        endpoint = UNIXClientEndpoint(self.reactor, "/in")
        peer = self.reactor.resultOf(endpoint.connect(factory))
        assert isinstance(peer, Peer)
        self.visitors.append(peer)
        return peer

    def pair(self, here: type[Peer] = Peer, there: type[Peer] = Peer) -> tuple[Peer, Peer]:
        """
        Have a connection carried.
        """
        self.serve(there)
        peer = self.connect(here)
        self.reactor.advance(0)
        return peer, self.peers.all[-1]

    def stop(self) -> None:
        """
        Listen no more, and end what there is.
        """
        for port in self.ports:
            port.stopListening()
        self.reactor.resultOf(self.forwarder.stop())
        for peer in (*self.visitors, *self.peers.all):
            peer.transport.abortConnection()
        self.reactor.advance(0)


@pytest.fixture
def carrier(memory_reactor: MemoryReactor) -> Iterator[Carrier]:
    """
    A forwarder, which at the end leaves nothing.
    """
    carrier = Carrier(memory_reactor)
    yield carrier
    carrier.stop()
    assert carrier.forwarder.open == 0


def test_interfaces() -> None:
    """
    An end is told of half a close, and paused while the other one's reader is slow.
    """
    end = End(None, lambda: None, lambda: None)
    verifyObject(IHalfCloseableProtocol, end)
    verifyObject(IPushProducer, end)


def test_bothWays(carrier: Carrier) -> None:
    """
    What one side says, the other hears.
    """
    here, there = carrier.pair()
    here.transport.write(b"question")
    there.transport.write(b"answer")
    carrier.reactor.advance(0)
    assert (here.received, there.received) == (b"answer", b"question")


def test_nothingIsReadBefore(memory_reactor: MemoryReactor) -> None:
    """
    Until whom it is for is there, nothing is read of who came in; then nothing is missing.
    """
    waiting: list[tuple[Factory, Deferred[Any]]] = []

    @implementer(IStreamClientEndpoint)
    class Slow:
        def connect(self, factory: Any) -> Deferred[Any]:
            waiting.append((factory, Deferred()))
            return waiting[-1][1]

    carrier = Carrier(memory_reactor, Slow())
    here = carrier.connect()
    here.transport.write(b"x" * MEGABYTE)
    memory_reactor.advance(10)
    (end,) = carrier.forwarder._carriages
    assert end.accepted.received == 0
    carrier.serve()
    ((factory, connected),) = waiting
    dialling = UNIXClientEndpoint(memory_reactor, "/out").connect(factory)
    dialling.addCallback(connected.callback)
    memory_reactor.advance(0)
    assert len(carrier.peers.all[0].received) == MEGABYTE
    here.transport.loseConnection()
    memory_reactor.advance(0)
    carrier.stop()


@pytest.mark.parametrize("isUpwards", [True, False])
def test_slowReader(carrier: Carrier, isUpwards: bool) -> None:
    """
    What a reader does not take stays with the sender: little of it is kept here.
    """
    sender, reader = carrier.pair() if isUpwards else reversed(carrier.pair())
    reader.transport.pauseProducing()
    sender.transport.write(b"x" * 10 * MEGABYTE)
    carrier.reactor.advance(10)
    kept = sum(end.received for end in ends(carrier))
    assert kept < MEGABYTE
    assert len(sender.transport.dataBuffer) > 8 * MEGABYTE
    reader.transport.resumeProducing()
    carrier.reactor.advance(10)
    assert len(reader.received) == 10 * MEGABYTE


def ends(carrier: Carrier) -> list[End]:
    """
    Give the ends of all connections.
    """
    carriages = carrier.forwarder._carriages
    return [end for each in carriages for end in (each.accepted, each._dialled)]


@pytest.mark.parametrize("isUpwards", [True, False])
def test_halfClose(carrier: Carrier, isUpwards: bool) -> None:
    """
    Who says no more is still told the answer, however late.
    """
    asker, teller = carrier.pair() if isUpwards else reversed(carrier.pair())
    asker.transport.write(b"question")
    asker.transport.loseWriteConnection()
    carrier.reactor.advance(3600)
    assert (teller.received, teller.heardEnd, teller.reason) == (b"question", True, None)
    teller.transport.write(b"answer" * MEGABYTE)
    teller.transport.loseWriteConnection()
    carrier.reactor.advance(0)
    assert len(asker.received) == 6 * MEGABYTE
    assert asker.heardEnd
    assert carrier.forwarder.open == 0


@pytest.mark.parametrize("isUpwards", [True, False])
def test_close(carrier: Carrier, isUpwards: bool) -> None:
    """
    Before a connection is closed, the other side has got all that was said.
    """
    here, there = carrier.pair(there=Rude)
    closer, other = (here, there) if isUpwards else (there, here)
    other.transport.pauseProducing()
    closer.transport.write(b"x" * MEGABYTE)
    closer.transport.loseConnection()
    carrier.reactor.advance(10)
    other.transport.resumeProducing()
    carrier.reactor.advance(0)
    assert len(other.received) == MEGABYTE
    other.transport.loseConnection()
    carrier.reactor.advance(0)
    assert carrier.forwarder.open == 0


@pytest.mark.parametrize("isUpwards", [True, False])
def test_abort(carrier: Carrier, isUpwards: bool) -> None:
    """
    A connection that breaks on one side is broken on the other.
    """
    breaker, other = carrier.pair() if isUpwards else reversed(carrier.pair())
    breaker.transport.write(b"x" * 10 * MEGABYTE)
    carrier.reactor.advance(0)
    # With unread bytes in it, a UNIX socket that is closed is reset.
    breaker.transport.pauseProducing()
    other.transport.write(b"y")
    carrier.reactor.advance(0)
    breaker.transport.abortConnection()
    carrier.reactor.advance(10)
    assert carrier.forwarder.open == 0
    assert other.isOver()


def test_nobodyThere(carrier: Carrier) -> None:
    """
    If whom it is for can't be reached, a connection is closed at once.
    """
    here = carrier.connect()
    here.transport.write(b"question")
    carrier.reactor.advance(0)
    assert here.isOver()
    (event,) = carrier.events
    assert isinstance(event, NotCarried)
    assert str(event).startswith("a connection was not carried: ")
    assert (carrier.forwarder.counts.accepted, carrier.forwarder.counts.failed) == (1, 1)


def test_manyThatCanNotBeCarried(carrier: Carrier) -> None:
    """
    Whoever has many connections fail does not fill the log: one a second is told, all are counted.
    """
    for _ in range(3):
        for _ in range(10):
            carrier.connect()
            carrier.reactor.advance(0)
        carrier.reactor.advance(1)
    assert carrier.forwarder.counts.failed == 30
    assert len(carrier.events) == 3


def test_endpointThatRaises(memory_reactor: MemoryReactor) -> None:
    """
    An endpoint may fail as it likes.
    """

    @implementer(IStreamClientEndpoint)
    class Broken:
        def connect(self, factory: Any) -> Deferred[Any]:
            raise ValueError("broken")

    carrier = Carrier(memory_reactor, Broken())
    here = carrier.connect()
    memory_reactor.advance(0)
    assert here.isOver()
    assert [str(event) for event in carrier.events] == ["a connection was not carried: broken"]
    carrier.stop()


def test_dialDeadline(memory_reactor: MemoryReactor) -> None:
    """
    Who does not answer in time is not waited for, and the dial is cancelled.
    """
    dials: list[Deferred[Any]] = []

    @implementer(IStreamClientEndpoint)
    class Silent:
        def connect(self, factory: Any) -> Deferred[Any]:
            dials.append(Deferred())
            return dials[-1]

    carrier = Carrier(memory_reactor, Silent(), Limits(seconds=7))
    here = carrier.connect()
    memory_reactor.advance(6.9)
    assert not here.isOver()
    memory_reactor.advance(0.2)
    assert here.isOver()
    assert dials[0].called
    assert str(carrier.events[0]) == "a connection was not carried: nobody answered in 7 s."
    carrier.stop()


@pytest.mark.parametrize(
    ("limits", "isThere"), [(Limits(connections=2), True), (Limits(pending=2), False)]
)
def test_limits(memory_reactor: MemoryReactor, limits: Limits, isThere: bool) -> None:
    """
    There are so many connections, and dials, at a time; who comes then is turned away, which is
    told once; and let in when there is room again.
    """

    @implementer(IStreamClientEndpoint)
    class Silent:
        def connect(self, factory: Any) -> Deferred[Any]:
            return Deferred()

    carrier = Carrier(memory_reactor, None if isThere else Silent(), limits)
    if isThere:
        carrier.serve()
    peers = [carrier.connect() for _ in range(4)]
    memory_reactor.advance(0)
    assert [peer.isOver() for peer in peers] == [False, False, True, True]
    assert (carrier.forwarder.counts.accepted, carrier.forwarder.counts.refused) == (4, 2)
    (event,) = [event for event in carrier.events if event != Carrying()]
    assert "too many" in str(event)
    if isThere:
        peers[0].transport.loseConnection()
        carrier.peers.all[0].transport.loseConnection()
        memory_reactor.advance(0)
        assert not carrier.connect().isOver()
        assert carrier.forwarder.open == 2
    carrier.stop()


def test_counts(carrier: Carrier) -> None:
    """
    What was carried is counted, and told when a connection has ended.
    """
    here, there = carrier.pair()
    here.transport.write(b"question")
    there.transport.write(b"answer!")
    carrier.reactor.advance(2.5)
    here.transport.loseConnection()
    there.transport.loseConnection()
    carrier.reactor.advance(0)
    assert carrier.events == [Carrying(), Carried(8, 7, 2.5)]
    assert str(carrier.events[1]) == "carried 8 bytes there and 7 back in 2.5 s"
    counts = carrier.forwarder.counts
    assert (counts.accepted, counts.refused, counts.failed) == (1, 0, 0)
    assert (counts.sent, counts.received) == (8, 7)


def test_stop(memory_reactor: MemoryReactor) -> None:
    """
    Stopped, it sends what it has, and closes everything; who does not read loses that.
    """
    carrier = Carrier(memory_reactor)
    here, there = carrier.pair()
    here.transport.write(b"x" * MEGABYTE)
    memory_reactor.advance(0)
    stuck = carrier.connect()
    memory_reactor.advance(0)
    carrier.peers.all[1].transport.pauseProducing()
    stuck.transport.write(b"x" * MEGABYTE)
    memory_reactor.advance(0)
    before = memory_reactor.seconds()
    carrier.stop()
    assert 1.9 < memory_reactor.seconds() - before < 2.1
    assert len(there.received) == MEGABYTE
    assert all(peer.isOver() for peer in (here, there, stuck))


def test_stopWhileDialing(memory_reactor: MemoryReactor) -> None:
    """
    A dial that is under way when all is stopped is cancelled.
    """
    cancelled: list[object] = []

    @implementer(IStreamClientEndpoint)
    class Silent:
        def connect(self, factory: Any) -> Deferred[Any]:
            return Deferred(cancelled.append)

    carrier = Carrier(memory_reactor, Silent())
    here = carrier.connect()
    carrier.stop()
    memory_reactor.advance(0)
    assert len(cancelled) == 1
    assert here.isOver()
    assert carrier.events == []


def test_stopAfterAFailedDial(memory_reactor: MemoryReactor) -> None:
    """
    Who could not be carried a moment ago, and is not gone yet, is no obstacle.
    """
    dialing: Deferred[Any] = Deferred()

    @implementer(IStreamClientEndpoint)
    class Failing:
        def connect(self, factory: Any) -> Deferred[Any]:
            return dialing

    carrier = Carrier(memory_reactor, Failing())
    here = carrier.connect()
    dialing.errback(ConnectError())
    assert carrier.forwarder.open == 1
    carrier.stop()
    assert here.isOver()
    assert carrier.forwarder.open == 0


def test_lostWhileDialing(memory_reactor: MemoryReactor) -> None:
    """
    Whose connection is lost is not dialled for any longer.
    """
    cancelled: list[object] = []

    @implementer(IStreamClientEndpoint)
    class Silent:
        def connect(self, factory: Any) -> Deferred[Any]:
            return Deferred(cancelled.append)

    carrier = Carrier(memory_reactor, Silent())
    carrier.connect()
    (carriage,) = carrier.forwarder._carriages
    carriage.accepted.transport.abortConnection()
    memory_reactor.advance(0)
    assert len(cancelled) == 1
    assert carrier.forwarder.open == 0
    carrier.stop()
