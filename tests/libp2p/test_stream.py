# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A stream is a transport: what runs on TCP runs on it unchanged.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IConsumer,
    IHalfCloseableProtocol,
    IPushProducer,
    ITCPTransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import LogEvent
from twisted.protocols.amp import AMP, Command, Integer
from twisted.protocols.basic import FileSender
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import Site
from zope.interface import implementer
from zope.interface.verify import verifyObject

from onionp2p.libp2p import Limits
from onionp2p.libp2p.errors import StreamReset
from onionp2p.libp2p.windows import INITIAL_WINDOW
from onionp2p.ping import Ok, PingEvent, PingInitiatorFactory
from onionp2p.testing import MemoryReactor, RecordingFactory, RecordingProtocol

from .conftest import Peers

MEBIBYTE = 1 << 20


def test_interfaces(peers: Peers) -> None:
    """
    It is what it says it is, and has what programs expect of TCP.
    """
    transport = peers.record()[0].transport
    for interface in (ITCPTransport, IConsumer, IPushProducer):
        assert verifyObject(interface, transport)
    transport.setTcpNoDelay(False)
    transport.setTcpKeepAlive(True)
    assert (transport.getTcpNoDelay(), transport.getTcpKeepAlive()) == (True, False)
    assert transport.logPrefix() == "libp2p,1"


def test_ping(peers: Peers) -> None:
    """
    The ping of onions, unchanged.
    """
    events: list[PingEvent] = []
    peers.open("/ipfs/ping/1.0.0", PingInitiatorFactory(peers.reactor, events.append))
    peers.reactor.advance(31)
    assert [type(event.result) for event in events] == [Ok, Ok, Ok]
    assert events[0].peer == peers.alice.peer


class Page(Resource):
    """A large one."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def render_GET(self, request: Any) -> bytes:
        return bytes(MEBIBYTE)


class Double(Command):
    """Twice a number."""

    arguments = [(b"number", Integer())]  # noqa: RUF012 - AMP's way
    response = [(b"double", Integer())]  # noqa: RUF012


class Doubler(AMP):
    """Answers it."""

    @Double.responder
    def double(self, number: int) -> dict[str, int]:
        return {"double": 2 * number}


def test_amp(makePeers: Callable[..., Peers]) -> None:
    """
    AMP, in both directions.
    """
    peers = makePeers()
    peers.handlers["/amp"] = Factory.forProtocol(Doubler)
    peers.listen()
    peers.connect()
    ours = peers.open("/amp", Factory.forProtocol(Doubler))
    assert peers.result(ours.callRemote(Double, number=21)) == {"double": 42}
    ours.transport.loseConnection()
    peers.reactor.advance(0)
    assert (peers.alice.streams, peers.bob.streams) == (0, 0)


def test_web(makePeers: Callable[..., Peers], memory_reactor: MemoryReactor) -> None:
    """
    A web server, with a request after another and a large answer.
    """
    peers = makePeers()
    peers.handlers["/web"] = Site(Page(), reactor=memory_reactor)
    peers.listen()
    peers.connect()
    request = b"GET / HTTP/1.1\r\nHost: bob\r\n\r\n"
    ours = peers.open("/web", RecordingFactory(greeting=request))
    head = b"Content-Length: %d\r\n" % MEBIBYTE
    peers.reactor.advance(0)
    ours.transport.write(request)
    peers.reactor.advance(0)
    assert ours.received.count(head) == 2
    assert len(ours.received) > 2 * MEBIBYTE
    ours.transport.loseConnection()
    peers.reactor.advance(0)
    assert (peers.alice.streams, peers.bob.streams) == (0, 0)


class _Source:
    """A file of random bytes that knows their hash."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.hash = hashlib.sha256()

    def read(self, count: int) -> bytes:
        data = secrets.token_bytes(min(count, self.left))
        self.left -= len(data)
        self.hash.update(data)
        return data


@implementer(IHalfCloseableProtocol)
class Hashing(Protocol):
    """Sends a file as it is asked for, says that it was all, and hashes what comes back."""

    transport: Any

    def __init__(self, size: int) -> None:
        self.source = _Source(size)
        self.hash = hashlib.sha256()
        self.size = 0
        self.ended = False
        self.over: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        sent = FileSender().beginFileTransfer(self.source, self.transport)
        sent.addCallback(lambda _: self.transport.loseWriteConnection())

    def dataReceived(self, data: bytes) -> None:
        self.hash.update(data)
        self.size += len(data)

    def readConnectionLost(self) -> None:
        self.ended = True
        self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        pass

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.over.callback(None)


@pytest.mark.deadline(20)
def test_bulk(peers: Peers) -> None:
    """
    8 MiB go there and back unchanged; the end of one direction leaves the other open.
    """
    ours = peers.open("/echo", Factory.forProtocol(lambda: Hashing(8 * MEBIBYTE)))
    peers.reactor.advance(0)
    assert ours.ended
    assert ours.size == 8 * MEBIBYTE
    assert ours.hash.digest() == ours.source.hash.digest()
    assert (peers.alice.streams, peers.bob.streams) == (0, 0)


@pytest.mark.deadline(20)
def test_manyAtOnce(peers: Peers) -> None:
    """
    A hundred streams at once, each with its own bytes.
    """
    protocols: list[Any] = []
    for _ in range(100):
        opening = peers.alice.openStream("/echo", Factory.forProtocol(lambda: Hashing(100_000)))
        opening.addCallback(protocols.append)
    peers.reactor.advance(0)
    assert len(protocols) == 100
    for each in protocols:
        assert each.ended
        assert each.hash.digest() == each.source.hash.digest()
    assert len({each.hash.digest() for each in protocols}) == 100
    assert (peers.alice.streams, peers.bob.streams) == (0, 0)


def unsent(transport: Any) -> int:
    """Count what a transport of Twisted's holds."""
    return int(len(transport.dataBuffer) - transport.offset + transport._tempDataLen)


@pytest.mark.deadline(20)
def test_slowReader(peers: Peers) -> None:
    """
    Who does not read holds up nobody else, and costs each end a window at most; when it reads
    again, nothing is missing.
    """
    ours, theirs = peers.record()
    theirs.transport.pauseProducing()
    source = _Source(4 * MEBIBYTE)
    FileSender().beginFileTransfer(source, ours.transport)
    peers.reactor.advance(0)
    assert theirs.received == b""
    # The name of the protocol came out of the same window.
    assert INITIAL_WINDOW - 100 < peers.bob.unread < INITIAL_WINDOW
    # What FileSender was asked for once its last piece was on its way.
    assert unsent(ours.transport) <= 2**16 + FileSender.CHUNK_SIZE
    assert unsent(peers.alice.transport) == 0
    assert source.left >= 3 * MEBIBYTE
    other = peers.open("/echo", RecordingFactory(greeting=b"x" * 100_000))
    assert peers.result(other.receives(100_000)) == b"x" * 100_000
    theirs.transport.resumeProducing()
    peers.reactor.advance(0)
    assert hashlib.sha256(theirs.received).digest() == source.hash.digest()
    assert len(theirs.received) == 4 * MEBIBYTE


def test_pausedInBetween(peers: Peers) -> None:
    """
    A protocol that pauses as data comes gets no more until it wants it, and the end last of all.
    """
    ours, theirs = peers.record()
    received = theirs.dataReceived

    def pause(data: bytes) -> None:
        received(data)
        theirs.transport.pauseProducing()

    theirs.dataReceived = pause  # type: ignore[method-assign]
    for each in (b"one", b"two", b"three"):
        ours.transport.write(each)
        peers.reactor.advance(0)
    ours.transport.loseConnection()
    peers.reactor.advance(0)
    assert theirs.packets == [b"one"]
    theirs.transport.resumeProducing()
    theirs.transport.resumeProducing()
    peers.reactor.advance(0)
    assert theirs.packets == [b"one", b"twothree"]
    assert theirs.steps[-1] == "dataReceived"
    theirs.transport.resumeProducing()
    peers.reactor.advance(0)
    assert theirs.lost is not None
    assert theirs.lost.check(ConnectionDone)


def test_slowConnection(peers: Peers) -> None:
    """
    While our transport takes no more, what streams write waits with them, and their producers
    pause.
    """
    peers.bob.transport.stopReading()
    ours = [peers.alice.openStream("/record", RecordingFactory()) for _ in range(3)]
    peers.bob.transport.startReading()
    protocols = [peers.result(each) for each in ours]
    peers.bob.transport.stopReading()
    sources = [_Source(MEBIBYTE) for _ in protocols]
    for source, protocol in zip(sources, protocols, strict=True):
        FileSender().beginFileTransfer(source, protocol.transport)  # type: ignore[attr-defined]
    peers.reactor.advance(1)
    assert unsent(peers.alice.transport) <= 2**16 + 2 * 2**16
    assert all(source.left > MEBIBYTE // 2 for source in sources)
    peers.bob.transport.startReading()
    peers.reactor.advance(0)
    assert sorted(hashlib.sha256(each.received).digest() for each in peers.recorded.protocols) == (
        sorted(source.hash.digest() for source in sources)
    )


def test_turns(peers: Peers) -> None:
    """
    A stream with a little to say does not wait for one with much.
    """
    big, theirBig = peers.record()
    small, theirSmall = peers.record()
    order: list[tuple[str, int]] = []
    setattr(theirBig, "dataReceived", lambda data: order.append(("big", len(data))))  # noqa: B010
    setattr(theirSmall, "dataReceived", lambda data: order.append(("small", len(data))))  # noqa: B010
    big.transport.write(bytes(INITIAL_WINDOW))
    small.transport.write(b"x")
    peers.reactor.advance(0)
    before = sum(length for name, length in order[: order.index(("small", 1))] if name == "big")
    assert before <= 64 * 1024
    assert sum(length for _, length in order) == INITIAL_WINDOW + 1


def test_largerWindow(makePeers: Callable[..., Peers]) -> None:
    """
    A window may be larger, for fast ways that are long.
    """
    peers = makePeers(Limits(window=MEBIBYTE))
    peers.listen()
    peers.connect()
    ours, theirs = peers.record()
    theirs.transport.pauseProducing()
    ours.transport.write(bytes(2 * MEBIBYTE))
    peers.reactor.advance(0)
    assert MEBIBYTE - 100 < peers.bob.unread < MEBIBYTE
    theirs.transport.resumeProducing()
    peers.reactor.advance(0)
    assert len(theirs.received) == 2 * MEBIBYTE


def test_loseConnection(peers: Peers) -> None:
    """
    What was written before is delivered, and both ends hear of a clean end, once.
    """
    ours, theirs = peers.record()
    ours.transport.write(b"x" * MEBIBYTE)
    ours.transport.loseConnection()
    ours.transport.write(b"after")
    peers.reactor.advance(0)
    assert theirs.received.startswith(b"x" * MEBIBYTE)
    for end in (ours, theirs):
        assert end.lost is not None
        assert end.lost.check(ConnectionDone)
        assert end.steps.count("connectionLost") == 1
    assert (peers.alice.streams, peers.bob.streams) == (0, 0)
    assert peers.reactor.getDelayedCalls() == []


def test_loseConnectionWaitsForTheProducer(peers: Peers) -> None:
    """
    As on TCP, a stream is closed once its producer is done.
    """
    ours, theirs = peers.record()
    source = _Source(MEBIBYTE)
    FileSender().beginFileTransfer(source, ours.transport)
    ours.transport.loseConnection()
    peers.reactor.advance(0)
    assert len(theirs.received) == MEBIBYTE
    assert theirs.lost is not None
    assert theirs.lost.check(ConnectionDone)


@implementer(IHalfCloseableProtocol)
class _HalfCloseable(RecordingProtocol):
    """Records the ends of directions, too."""

    def readConnectionLost(self) -> None:
        self.steps.append("readConnectionLost")

    def writeConnectionLost(self) -> None:
        self._step("writeConnectionLost")


class _Pausing(_HalfCloseable):
    """Pauses with each piece that comes."""

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        self.transport.pauseProducing()


class _HalfCloseableFactory(RecordingFactory):
    """Builds those."""

    builds = _HalfCloseable

    def buildProtocol(self, addr: Any) -> RecordingProtocol:
        protocol = self.builds(self)
        self.protocols.append(protocol)
        return protocol


def test_halfClose(makePeers: Callable[..., Peers]) -> None:
    """
    Each direction is closed by itself, and neither end loses its transport by it.
    """
    peers = makePeers()
    theirFactory = _HalfCloseableFactory()
    peers.handlers["/half"] = theirFactory
    peers.listen()
    peers.connect()
    ours: Any = peers.open("/half", _HalfCloseableFactory())
    ours.transport.write(b"question")
    ours.transport.loseWriteConnection()
    peers.reactor.advance(0)
    ours.transport.write(b"too late")
    peers.reactor.advance(0)
    (theirs,) = theirFactory.protocols
    assert ours.steps == ["connectionMade", "writeConnectionLost"]
    assert theirs.steps == ["connectionMade", "dataReceived", "readConnectionLost"]
    assert theirs.received == b"question"
    theirs.transport.resumeProducing()
    peers.reactor.advance(0)
    assert theirs.steps.count("readConnectionLost") == 1
    theirs.transport.write(b"answer")
    theirs.transport.loseWriteConnection()
    peers.reactor.advance(0)
    assert ours.received == b"answer"
    assert ours.steps[-1] == "readConnectionLost"
    assert theirs.steps[-1] == "writeConnectionLost"
    for end in (ours, theirs):
        end.transport.loseConnection()
    peers.reactor.advance(0)
    for end in (ours, theirs):
        assert end.lost is not None
        assert end.lost.check(ConnectionDone)
    assert (peers.alice.streams, peers.bob.streams) == (0, 0)


def test_answerAfterTheEnd(makePeers: Callable[..., Peers]) -> None:
    """
    A protocol that knows nothing of half-closed connections loses its transport when the peer has
    sent its last, and what it had written still goes out.
    """

    class Answering(Protocol):
        def dataReceived(self, data: bytes) -> None:
            assert self.transport is not None
            self.transport.write(bytes(MEBIBYTE))

    peers = makePeers()
    peers.handlers["/answer"] = Factory.forProtocol(Answering)
    peers.listen()
    peers.connect()
    ours: Any = peers.open("/answer", _HalfCloseableFactory(greeting=b"question"))
    ours.transport.loseWriteConnection()
    peers.reactor.advance(0)
    assert len(ours.received) == MEBIBYTE
    assert ours.steps[-1] == "readConnectionLost"
    ours.transport.loseConnection()
    peers.reactor.advance(0)
    assert (peers.alice.streams, peers.bob.streams) == (0, 0)
    assert peers.reactor.getDelayedCalls() == []


def test_answerThatNobodyReads(makePeers: Callable[..., Peers]) -> None:
    """
    Such an answer is given up when the peer reads nothing for 30 s; while it reads, it has time.
    """

    class Answering(Protocol):
        def dataReceived(self, data: bytes) -> None:
            assert self.transport is not None
            self.transport.write(bytes(MEBIBYTE))

    peers = makePeers()
    peers.handlers["/answer"] = Factory.forProtocol(Answering)
    peers.listen()
    peers.connect()
    factory = _HalfCloseableFactory(greeting=b"question")
    factory.builds = _Pausing
    ours: Any = peers.open("/answer", factory)
    ours.transport.loseWriteConnection()
    # The window opens, and so lets more out, with each half of it that is read.
    for _ in range(8):
        peers.reactor.advance(9)
        assert peers.bob.streams == 1
        ours.transport.resumeProducing()
    peers.reactor.advance(31)
    assert peers.bob.streams == 0
    assert 0 < len(ours.received) < MEBIBYTE


def test_abort(peers: Peers) -> None:
    """
    Who aborts drops what was not sent; the peer hears of a lost connection.
    """
    ours, theirs = peers.record()
    ours.transport.write(b"x")
    ours.transport.abortConnection()
    ours.transport.abortConnection()
    ours.transport.write(b"after")
    peers.reactor.advance(0)
    assert theirs.received == b""
    assert ours.lost is not None
    assert ours.lost.check(ConnectionAborted)
    assert theirs.lost is not None
    assert theirs.lost.check(StreamReset)
    assert theirs.lost.check(ConnectionLost)
    assert not theirs.lost.check(ConnectionDone)
    assert (peers.alice.streams, peers.bob.streams) == (0, 0)


def test_closedWhileThePeerSends(peers: Peers) -> None:
    """
    A stream that we closed takes and drops what the peer still sends, until it says that this was
    all; if it never does, the stream is reset.
    """
    for finishes in (True, False):
        ours, theirs = peers.record()
        theirs.transport.pauseProducing()  # so it does not hear that we closed
        ours.transport.loseConnection()
        peers.reactor.advance(0)
        assert ours.lost is not None
        assert ours.lost.check(ConnectionDone)
        theirs.transport.write(bytes(MEBIBYTE if not finishes else 1000))
        if finishes:
            theirs.transport.loseConnection()
        peers.reactor.advance(29)
        assert ours.received == b""
        assert peers.alice.unread == 0
        assert peers.alice.streams == (0 if finishes else 1)
        peers.reactor.advance(2)
        assert (peers.alice.streams, peers.bob.streams) == (0, 0)
        assert theirs.lost is not None
        assert bool(theirs.lost.check(ConnectionDone)) is finishes
    assert peers.reactor.getDelayedCalls() == []


@pytest.mark.parametrize("method", ["dataReceived", "connectionMade"])
def test_protocolThatFails(peers: Peers, method: str, loggedErrors: list[LogEvent]) -> None:
    """
    What goes wrong in a protocol is logged, and ends its stream and no other.
    """
    other, theirOther = peers.record()

    def fail(*arguments: object) -> None:
        raise KeyError

    build = peers.recorded.buildProtocol

    def broken(addr: Any) -> Any:
        protocol = build(addr)
        setattr(protocol, method, fail)
        return protocol

    peers.recorded.buildProtocol = broken  # type: ignore[method-assign]
    if method == "dataReceived":
        ours = peers.open("/record", RecordingFactory(greeting=b"x"))
        peers.reactor.advance(0)
        assert ours.lost.check(StreamReset)
    else:
        with pytest.raises(StreamReset):
            peers.open("/record", RecordingFactory(greeting=b"x"))
    assert [event["log_failure"].type for event in loggedErrors] == [KeyError]
    loggedErrors.clear()
    other.transport.write(b"still")
    assert peers.result(theirOther.receives(5)) == b"still"


def test_producerThatFails(peers: Peers, loggedErrors: list[LogEvent]) -> None:
    """
    So does what goes wrong in a producer, or as a protocol is told of the end.
    """
    ours, _ = peers.record()

    def fail(*arguments: object) -> None:
        raise KeyError

    setattr(ours, "connectionLost", fail)  # noqa: B010 - mypy would not have it

    @implementer(IPushProducer)
    class Producer:
        resumeProducing = fail

        def pauseProducing(self) -> None:
            pass

        stopProducing = pauseProducing

    ours.transport.registerProducer(Producer(), True)
    ours.transport.write(bytes(100_000))
    peers.reactor.advance(0)
    assert [event["log_failure"].type for event in loggedErrors] == [KeyError, KeyError]
    loggedErrors.clear()
    assert peers.record()


def test_manySmallPieces(peers: Peers) -> None:
    """
    Unread data takes the memory of its bytes, in however small pieces it came.
    """
    ours, theirs = peers.record()
    theirs.transport.pauseProducing()
    for _ in range(1000):
        ours.transport.write(b"x")
        peers.reactor.advance(0)
    kept = theirs.transport._inbox._kept
    assert kept == b"x" * 1000
    assert isinstance(kept, bytearray)
    theirs.transport.resumeProducing()
    peers.reactor.advance(0)
    assert theirs.packets == [b"x" * 1000]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 200_000)),
        st.tuples(st.sampled_from(["pause", "resume", "pass"]), st.just(0)),
    ),
    max_size=20,
)


@settings(max_examples=30)
@given(steps=STEPS, closes=st.sampled_from(["loseConnection", "loseWriteConnection"]))
def test_anyCourse(steps: list[tuple[str, int]], closes: str) -> None:
    """
    However reading pauses and writing goes on, every byte arrives in its order, and the end last.
    """
    reactor = MemoryReactor()
    reactor.start()
    peers = Peers(reactor)
    peers.listen()
    peers.connect()
    ours, theirs = peers.record()
    sent = b""
    for step, size in steps:
        match step:
            case "write":
                data = secrets.token_bytes(size)
                sent += data
                ours.transport.write(data)
            case "pause":
                theirs.transport.pauseProducing()
            case "resume":
                theirs.transport.resumeProducing()
            case _:
                reactor.advance(0)
        assert peers.bob.unread <= INITIAL_WINDOW
    getattr(ours.transport, closes)()
    theirs.transport.resumeProducing()
    reactor.advance(0)
    assert theirs.received == sent
    assert theirs.lost is not None
    assert theirs.lost.check(ConnectionDone)
    reactor.stop()
    reactor.advance(0)
    assert reactor.leftovers() == []
