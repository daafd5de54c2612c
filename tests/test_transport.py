# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What the application's protocol sees, at both ends of a connection in memory.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any, ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from twisted.internet import ssl
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater
from zope.interface import implementer

from onionp2p import DialOptions, ListenOptions, OnionClientEndpoint, OnionServerEndpoint
from onionp2p.address import OnionPeer
from onionp2p.local.quiet import quietFactory
from onionp2p.testing import FakeNetwork, MemoryReactor, RecordingFactory, RecordingProtocol
from onionp2p.transport import presentAsOnion

Ends = tuple[RecordingProtocol, RecordingProtocol]


@pytest.fixture(params=["listener first", "dialer first"])
def ends(
    request: pytest.FixtureRequest, memory_reactor: MemoryReactor, fake_network: FakeNetwork
) -> Ends:
    """
    Both ends of a connection; which of them is the one under test is the parameter.
    """
    server, client = RecordingFactory(), RecordingFactory()
    listening = OnionServerEndpoint(memory_reactor, ListenOptions(7777)).listen(server)
    address: Any = memory_reactor.resultOf(listening).getHost()
    endpoint = OnionClientEndpoint(memory_reactor, DialOptions(address))
    memory_reactor.resultOf(endpoint.connect(client))
    memory_reactor.advance(0)
    found = server.protocols[0], client.protocols[0]
    return found if request.param == "listener first" else found[::-1]


def test_loseConnection(memory_reactor: MemoryReactor, ends: Ends) -> None:
    """
    What was written before is delivered, and both ends hear of a clean end, once.
    """
    near, far = ends
    near.transport.write(b"x" * 1_000_000)
    near.transport.loseConnection()
    memory_reactor.advance(0)
    assert far.received == b"x" * 1_000_000
    for end in ends:
        assert end.lost is not None
        assert end.lost.check(ConnectionDone)
        assert end.steps.count("connectionLost") == 1


def test_bothClose(memory_reactor: MemoryReactor, ends: Ends) -> None:
    """
    Where both ends close at the same time, both hear of a clean end.
    """
    near, far = ends
    near.transport.write(b"the end")
    near.transport.loseConnection()
    for _ in range(20):
        memory_reactor.iterate()
        if far.transport.disconnected:
            break
        far.transport.loseConnection()
    memory_reactor.advance(10)
    for end in ends:
        assert end.lost is not None
        assert end.lost.check(ConnectionDone)


def test_nothingOfOursPerChunk(memory_reactor: MemoryReactor, ends: Ends) -> None:
    """
    Once connected, no Python of this package runs for what is written and received, on either side.
    """
    near, far = ends
    ran: set[str] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        name = frame.f_globals.get("__name__", "")
        if event == "call" and name.startswith("onionp2p.") and ".testing." not in name:
            ran.add(f"{name}.{frame.f_code.co_qualname}")

    sys.setprofile(note)
    try:
        for _ in range(10):
            near.transport.write(b"x" * 200_000)
            far.transport.write(b"y" * 200_000)
            memory_reactor.advance(0)
    finally:
        sys.setprofile(None)
    assert len(near.received) == len(far.received) == 2_000_000
    assert ran == set()


def test_abortConnection(memory_reactor: MemoryReactor, ends: Ends) -> None:
    """
    The near end hears of the abortion, the far end of a clean end, as Tor tells no more.
    """
    near, far = ends
    near.transport.abortConnection()
    memory_reactor.advance(0)
    assert near.lost is not None
    assert near.lost.check(ConnectionAborted)
    assert far.lost is not None
    assert far.lost.check(ConnectionDone)


def test_noHalfClose(memory_reactor: MemoryReactor, ends: Ends) -> None:
    """
    Ending one's own direction sends what was written and ends nothing: Tor has no half-close.
    """
    near, far = ends
    near.transport.write(b"question")
    near.transport.loseWriteConnection()
    memory_reactor.advance(0)
    far.transport.write(b"answer")
    memory_reactor.advance(0)
    assert (far.received, near.received) == (b"question", b"answer")
    assert (near.lost, far.lost) == (None, None)


def test_tcpOptions(ends: Ends) -> None:
    """
    TCP's options are accepted, and do nothing.
    """
    transport = ends[0].transport
    transport.setTcpNoDelay(True)
    transport.setTcpKeepAlive(1)
    assert not transport.getTcpNoDelay()
    assert not transport.getTcpKeepAlive()


def test_readingCanBePaused(memory_reactor: MemoryReactor, ends: Ends) -> None:
    """
    Who pauses reading is given nothing until reading is resumed, and then all of it; meanwhile the
    far end is asked to pause.
    """

    @implementer(IPushProducer)
    class Producer:
        calls: ClassVar[list[str]] = []

        def pauseProducing(self) -> None:
            self.calls.append("pause")

        def resumeProducing(self) -> None:
            self.calls.append("resume")

        def stopProducing(self) -> None:
            """Not asked for here."""

    near, far = ends
    producer = Producer()
    near.transport.pauseProducing()
    far.transport.registerProducer(producer, True)
    sent = 0
    while not producer.calls:
        far.transport.write(b"x" * 10_000)
        sent += 10_000
        memory_reactor.advance(0)
        assert sent < 10_000_000
    assert near.received == b""
    near.transport.resumeProducing()
    memory_reactor.advance(0)
    assert producer.calls == ["pause", "resume"]
    assert len(near.received) == sent
    far.transport.unregisterProducer()


def test_pullProducer(memory_reactor: MemoryReactor, ends: Ends) -> None:
    """
    A pull producer is asked for more until it has none left.
    """
    near, far = ends

    class Producer:
        left = 100

        def resumeProducing(self) -> None:
            self.left -= 1
            near.transport.write(b"x" * 10_000)
            if not self.left:
                near.transport.unregisterProducer()

        def stopProducing(self) -> None:
            """Not asked for here."""

    producer: Any = Producer()
    near.transport.registerProducer(producer, False)
    memory_reactor.advance(0)
    assert len(far.received) == 1_000_000


def test_switchingProtocols(memory_reactor: MemoryReactor, ends: Ends) -> None:
    """
    A protocol may hand its transport to another; the end is told to that one, and tor is released.
    """
    near, far = ends

    class Other(Protocol):
        received = b""
        lost = False

        def dataReceived(self, data: bytes) -> None:
            self.received += data

        def connectionLost(self, reason: object = None) -> None:
            self.lost = True

    other = Other()
    near.transport.protocol = other
    far.transport.write(b"for the other")
    far.transport.loseConnection()
    memory_reactor.advance(0)
    assert (near.received, near.lost) == (b"", None)
    assert (other.received, other.lost) == (b"for the other", True)


def test_torEnds(memory_reactor: MemoryReactor, fake_network: FakeNetwork, ends: Ends) -> None:
    """
    When tor dies, both ends of its connections hear that they are lost.
    """
    fake_network.tors[0].die()
    memory_reactor.advance(0)
    assert all(end.lost is not None for end in ends)


def test_factoryStopsAfterTheProtocol(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork
) -> None:
    """
    The dialer's factory is stopped after its protocol has heard of the connection's end.
    """
    order: list[str] = []

    class Noting(RecordingFactory):
        def doStop(self) -> None:
            assert self.protocols[0].lost is not None
            order.append("stopped")

    listening = OnionServerEndpoint(memory_reactor, ListenOptions(7777)).listen(RecordingFactory())
    address: Any = memory_reactor.resultOf(listening).getHost()
    client = Noting()
    endpoint = OnionClientEndpoint(memory_reactor, DialOptions(address))
    memory_reactor.resultOf(endpoint.connect(client))
    client.protocols[0].transport.loseConnection()
    memory_reactor.advance(0)
    assert order == ["stopped"]


class Certificate:
    """
    A certificate for tests, and how to serve and to trust it.
    """

    def __init__(self, name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(key, hashes.SHA256())
        )
        pem = certificate.public_bytes(Encoding.PEM)
        pem += key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        untyped: Any = ssl
        served = untyped.PrivateCertificate.loadPEM(pem)
        self.server = served.options()
        trusted = untyped.Certificate.loadPEM(pem)
        self.client = untyped.optionsForClientTLS(name, trustRoot=trusted)


# Twisted hands its certificates to pyOpenSSL in an old way.
@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL .* objects is deprecated")
async def test_startTLS() -> None:
    """
    Both ends may start TLS, as on TCP; bytes and the end go through it.
    """
    # Not in memory: Twisted's TLS takes its time from the global reactor.
    from twisted.internet import reactor

    async def until(ready: Callable[[], object]) -> None:
        while not ready():
            await deferLater(reactor, 0.001)

    server, client = RecordingFactory(echoes=True), RecordingFactory()
    certificate = Certificate("onion.invalid")
    async with FakeNetwork(reactor):
        port = await OnionServerEndpoint(reactor, ListenOptions(7777)).listen(server)
        address: Any = port.getHost()
        await OnionClientEndpoint(reactor, DialOptions(address)).connect(client)
        await until(lambda: server.protocols)
        listener, dialer = server.protocols[0], client.protocols[0]
        listener.transport.startTLS(certificate.server)
        dialer.transport.startTLS(certificate.client)
        dialer.transport.write(b"x" * 100_000)
        await until(lambda: len(dialer.received) == 100_000)
        dialer.transport.loseConnection()
        await until(lambda: listener.lost and dialer.lost)
        # The dialer may hear ConnectionLost, as with Twisted's TLS on any UNIX socket: its last
        # bytes find a closed one.
        assert listener.lost is not None
        assert listener.lost.check(ConnectionDone)
        await maybeDeferred(port.stopListening)


async def test_arrivedBeforeAWriteFailed() -> None:
    """
    What had arrived is delivered, and the end is a clean one, when a write finds that the other end
    has closed.
    """
    from twisted.internet import reactor

    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    protocol = RecordingProtocol(RecordingFactory())
    ended: Deferred[None] = Deferred()
    adopter: Any = reactor
    with ours:
        transport = adopter.adoptStreamConnection(
            ours.fileno(), socket.AF_UNIX, quietFactory(protocol)
        )
    presentAsOnion(transport, OnionPeer(), OnionPeer(), lambda: ended.callback(None))
    transport.pauseProducing()
    theirs.sendall(b"x" * 100_000)
    theirs.close()
    transport.write(b"too late")
    await ended
    assert len(protocol.received) == 100_000
    assert protocol.lost is not None
    assert protocol.lost.check(ConnectionDone)


@pytest.mark.parametrize("unwritten", [False, True])
async def test_closesAClosedConnection(unwritten: bool) -> None:
    """
    Who closes a connection that tor has just closed hears of a clean end, which a UNIX socket alone
    would call an error and TCP would not, unless something that was written is lost.
    """
    from twisted.internet import reactor

    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    protocol = RecordingProtocol(RecordingFactory())
    ended: Deferred[None] = Deferred()
    adopter: Any = reactor
    with ours:
        transport = adopter.adoptStreamConnection(
            ours.fileno(), socket.AF_UNIX, quietFactory(protocol)
        )
    presentAsOnion(transport, OnionPeer(), OnionPeer(), lambda: ended.callback(None))
    theirs.close()
    if unwritten:
        transport.write(b"lost")
    transport.loseConnection()
    await ended
    assert protocol.lost is not None
    assert protocol.lost.check(ConnectionLost if unwritten else ConnectionDone)
