# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Two peers connect, speak several protocols at once, and part.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet import unix
from twisted.internet.defer import CancelledError
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    UNIXClientEndpoint,
    UNIXServerEndpoint,
)
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import LogEvent
from zope.interface.verify import verifyObject

from onionp2p import DialOptions, ListenOptions, OnionClientEndpoint, OnionServerEndpoint
from onionp2p.address import OnionAddress, OnionPeer
from onionp2p.libp2p import ConnectionFactory, Identity, Limits, PeerAddress, dial
from onionp2p.libp2p.connection import Connection
from onionp2p.libp2p.errors import (
    ConnectionClosing,
    ConnectionCut,
    HandshakeError,
    IdentityUnproven,
    MultistreamError,
    ProtocolUnsupported,
    StreamRefused,
    StreamReset,
    StreamTimeout,
    TooManyStreams,
    UpgradeLost,
    UpgradeTimeout,
    WrongPeer,
)
from onionp2p.libp2p.identify import NAME, Identification, take
from onionp2p.libp2p.peeraddress import peerAddress
from onionp2p.ping import EchoResponderFactory
from onionp2p.ping.naming import peerText
from onionp2p.testing import FakeNetwork, MemoryReactor, RecordingFactory

from .conftest import Peers

ONION = OnionAddress.fromString(
    "/onion3/vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd:7777"
)


def test_whoIsThere(peers: Peers) -> None:
    """
    Both ends, and the protocols on a stream, know who the other is.
    """
    alice, bob = peers.aliceIdentity.peerID, peers.bobIdentity.peerID
    assert [peers.alice.peer, peers.alice.host] == [
        PeerAddress(bob, peers.alice.transport.getPeer()),
        PeerAddress(alice, peers.alice.transport.getHost()),
    ]
    ours, theirs = peers.record()
    assert (ours.transport.getPeer().peerID, ours.transport.getHost().peerID) == (bob, alice)
    assert (theirs.transport.getPeer().peerID, theirs.transport.getHost().peerID) == (alice, bob)
    assert [address.peerID for address in peers.recorded.addresses] == [alice]


def test_addresses(memory_reactor: MemoryReactor) -> None:
    """
    The address of a peer by an onion is the onion's with the peer id; others say whence, too.
    """
    bob = Identity.generate().peerID
    assert peerAddress(ONION, bob) == OnionAddress(ONION.label, ONION.port, bob)
    identity = Identity.generate()
    factory = ConnectionFactory(memory_reactor, identity, {})
    listening = TCP4ServerEndpoint(memory_reactor, 0, interface="127.0.0.1").listen(factory)
    port = memory_reactor.resultOf(listening).getHost().port
    endpoint = TCP4ClientEndpoint(memory_reactor, "127.0.0.1", port)
    connection = memory_reactor.resultOf(dial(memory_reactor, endpoint, Identity.generate()))
    address = connection.peer
    assert verifyObject(IAddress, address)
    assert isinstance(address, PeerAddress)
    assert (address.host, address.port) == ("127.0.0.1", port)
    assert str(address) == f"/ip4/127.0.0.1/tcp/{port}/p2p/{identity.peerID}"
    memory_reactor.resultOf(connection.close())


def test_overOnions(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Over onions the dialled peer's address is its onion's with its peer id; the one who came in has
    proven who it is, and nothing else.
    """
    alice, bob = Identity.generate(), Identity.generate()
    factory = ConnectionFactory(memory_reactor, bob, {"/echo": EchoResponderFactory()})
    listening = OnionServerEndpoint(memory_reactor, ListenOptions(7777)).listen(factory)
    port: Any = memory_reactor.resultOf(listening)
    onion = port.getHost()
    factory.onion = onion
    endpoint = OnionClientEndpoint(memory_reactor, DialOptions(onion))
    dialling = dial(memory_reactor, endpoint, alice, peerID=bob.peerID)
    connection: Any = memory_reactor.resultOf(dialling)
    memory_reactor.advance(0)
    theirs: Any = next(iter(factory.connections))
    assert connection.peer == OnionAddress(onion.label, onion.port, bob.peerID)
    assert str(connection.peer) == f"{onion}/p2p/{bob.peerID}"
    assert bob.peerID not in peerText(connection.peer)
    assert theirs.host == connection.peer
    assert theirs.peer == PeerAddress(alice.peerID, OnionPeer())
    assert str(theirs.peer) == f"/p2p/{alice.peerID}"
    ours: Any = memory_reactor.resultOf(
        connection.openStream("/echo", RecordingFactory(greeting=b"x" * 200_000))
    )
    assert memory_reactor.resultOf(ours.receives(200_000)) == b"x" * 200_000
    asked: Any = memory_reactor.resultOf(connection.openStream(NAME, RecordingFactory()))
    memory_reactor.advance(0)
    told = take(asked.received)
    assert told is not None
    assert [OnionAddress.fromBytes(each) for each in told.addresses] == [onion]
    memory_reactor.resultOf(connection.close())
    memory_reactor.resultOf(port.stopListening())


def test_manyProtocols(peers: Peers) -> None:
    """
    Streams are opened from both ends, of several protocols, and each has its own bytes.
    """
    echoes = [peers.open("/echo", RecordingFactory(greeting=b"%d" % each)) for each in range(5)]
    for each, echo in enumerate(echoes):
        assert peers.result(echo.receives(1)) == b"%d" % each
    with pytest.raises(ProtocolUnsupported, match="/echo"):
        peers.result(peers.bob.openStream("/echo", RecordingFactory()))  # Alice speaks nothing
    assert peers.alice.streams == 5


@pytest.mark.parametrize("aliceNames", [True, False])
@pytest.mark.parametrize("bobNames", [True, False])
def test_multiplexerNegotiation(
    makePeers: Callable[..., Peers], aliceNames: bool, bobNames: bool
) -> None:
    """
    Peers that name no multiplexer in the handshake agree on one afterwards.
    """
    peers = makePeers()
    peers.listen()

    def forget(connection: Any) -> Any:
        connection._upgrade.channel._ourMuxers = ()
        return connection

    if not bobNames:
        build = peers.factory.buildProtocol
        peers.factory.buildProtocol = lambda addr: forget(build(addr))  # type: ignore[method-assign]
    connection = Connection(peers.reactor, peers.aliceIdentity, {}, dialer=True)
    if not aliceNames:
        forget(connection)
    peers.result(peers.endpoint.connect(Factory.forProtocol(lambda: connection)))
    peers.alice = peers.result(connection.whenReady())
    assert peers.result(peers.open("/echo", RecordingFactory(greeting=b"x")).receives(1)) == b"x"


def test_wrongPeer(makePeers: Callable[..., Peers]) -> None:
    """
    Who dials for somebody else learns that in an error, before any stream, and is not made known.
    """
    peers = makePeers()
    peers.listen()
    with pytest.raises(WrongPeer) as caught:
        peers.connect(peerID=Identity.generate().peerID)
    assert isinstance(caught.value, ConnectError)
    peers.reactor.advance(0)
    assert peers.recorded.protocols == []
    assert peers.factory.connections == set()


def test_notLibp2p(makePeers: Callable[..., Peers]) -> None:
    """
    What answers with other bytes is told from a libp2p peer at once.
    """
    peers = makePeers()
    chatty = RecordingFactory(greeting=b"SSH-2.0-OpenSSH\r\n")
    peers.result(UNIXServerEndpoint(peers.reactor, "/bob").listen(chatty))
    with pytest.raises(MultistreamError):
        peers.connect()
    peers.reactor.advance(0)
    assert chatty.protocols[0].lost is not None


def test_unixSockets(makePeers: Callable[..., Peers], monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Peers connect over Unix sockets, which refuse TCP's options: Twisted 24.7 has them do so.
    """

    def refuse(transport: object, enabled: bool) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    for end in unix.Client, unix.Server:
        monkeypatch.setattr(end, "setTcpNoDelay", refuse)
    peers = makePeers()
    peers.listen()
    peers.connect()
    assert isinstance(peers.alice.peer, PeerAddress)
    assert peers.alice.peer.peerID == peers.bobIdentity.peerID


def test_goneInTheHandshake(makePeers: Callable[..., Peers]) -> None:
    """
    A peer that leaves during the handshake is told of, with what it had to do next.
    """

    class Leaving(Protocol):
        def dataReceived(self, data: bytes) -> None:
            assert self.transport is not None
            self.transport.loseConnection()

    peers = makePeers()
    leaving = Factory.forProtocol(Leaving)
    peers.result(UNIXServerEndpoint(peers.reactor, "/bob").listen(leaving))
    with pytest.raises(UpgradeLost, match="agreeing on Noise"):
        peers.connect()


def test_silentPeer(makePeers: Callable[..., Peers]) -> None:
    """
    A peer that says nothing is given up after a minute, at either end.
    """
    peers = makePeers()
    silent = RecordingFactory()
    peers.result(UNIXServerEndpoint(peers.reactor, "/bob").listen(silent))
    began = peers.reactor.seconds()
    with pytest.raises(UpgradeTimeout, match="agreeing on Noise"):
        peers.connect()
    assert peers.reactor.seconds() - began == pytest.approx(60)
    factory = ConnectionFactory(peers.reactor, peers.bobIdentity, {})
    peers.result(UNIXServerEndpoint(peers.reactor, "/listener").listen(factory))
    client: Any = peers.result(UNIXClientEndpoint(peers.reactor, "/listener").connect(silent))
    peers.reactor.advance(59)
    assert len(factory.connections) == 1
    peers.reactor.advance(2)
    assert factory.connections == set()
    assert client.lost is not None


class _Damaged(Connection):
    """Changes a bit of what comes in one of its turns."""

    turn = 0

    def dataReceived(self, data: bytes) -> None:
        self.turn -= 1
        if self.turn == 0:
            data = data[:-1] + bytes([data[-1] ^ 1])
        super().dataReceived(data)


@pytest.mark.parametrize("turn", [1, 2])
def test_damagedHandshake(makePeers: Callable[..., Peers], turn: int) -> None:
    """
    Damage on the way ends the dial in an error of ours, and no protocol hears a byte.
    """
    peers = makePeers()
    peers.listen()
    connection = _Damaged(peers.reactor, peers.aliceIdentity, {}, dialer=True)
    connection.turn = turn
    peers.result(peers.endpoint.connect(Factory.forProtocol(lambda: connection)))
    with pytest.raises((MultistreamError, HandshakeError, IdentityUnproven)):
        peers.result(connection.whenReady())
    peers.reactor.advance(10)
    assert peers.factory.connections == set()
    assert peers.recorded.protocols == []


def test_damagedData(peers: Peers) -> None:
    """
    Damage after it ends the connection at once: the streams hear of it, not of the bytes.
    """
    ours, theirs = peers.record()
    key = peers.alice._upgrade.channel._sending
    key._nonce += 1  # as if a message were lost
    ours.transport.write(b"secret")
    peers.reactor.advance(10)
    assert theirs.received == b""
    assert theirs.lost is not None
    assert theirs.lost.check(ConnectionLost)
    assert not theirs.lost.check(ConnectionDone)
    assert ours.lost is not None


def test_unsupported(peers: Peers) -> None:
    """
    A protocol that the peer does not speak fails in an error that says so, and builds nothing.
    """
    factory = RecordingFactory()
    with pytest.raises(ProtocolUnsupported, match="/nobody/speaks/this"):
        peers.open("/nobody/speaks/this", factory)
    peers.reactor.advance(0)
    assert factory.protocols == []
    assert (factory.starts, factory.stops) == (1, 1)
    assert (peers.alice.streams, peers.bob.streams) == (0, 0)


def test_impossibleNames(peers: Peers) -> None:
    """
    What can't be a name is refused at once.
    """
    with pytest.raises(ValueError, match="name of a protocol"):
        peers.alice.openStream("ping", RecordingFactory())
    with pytest.raises(ValueError, match="name of a protocol"):
        ConnectionFactory(peers.reactor, peers.bobIdentity, {"ping": RecordingFactory()})


@pytest.mark.parametrize("refuses", ["ours", "theirs"])
def test_refused(peers: Peers, refuses: str) -> None:
    """
    A factory may decline; the stream ends.
    """
    peers.recorded._refuses = refuses == "theirs"
    factory = RecordingFactory(refuses=refuses == "ours")
    opening = peers.alice.openStream("/record", factory)
    if refuses == "ours":
        with pytest.raises(StreamRefused):
            peers.result(opening)
    else:
        # The peer has agreed by then; what follows is a reset.
        with pytest.raises(StreamReset):
            peers.result(peers.result(opening).receives(1))  # type: ignore[attr-defined]
    peers.reactor.advance(0)
    assert (peers.alice.streams, peers.bob.streams) == (0, 0)


def test_factoryThatFails(peers: Peers, loggedErrors: list[LogEvent]) -> None:
    """
    What goes wrong in a factory is the opener's business, or logged where nobody waits for it; only
    the one stream ends.
    """

    class Failing(Factory):
        def buildProtocol(self, addr: IAddress | None) -> Protocol:
            raise KeyError

    with pytest.raises(KeyError):
        peers.open("/echo", Failing())
    assert loggedErrors == []
    peers.bob._streams._handlers["/record"] = Failing()  # type: ignore[index]
    with pytest.raises(StreamReset):
        peers.open("/record", RecordingFactory())
    assert [event["log_failure"].type for event in loggedErrors] == [KeyError]
    loggedErrors.clear()
    assert peers.result(peers.open("/echo", RecordingFactory(greeting=b"x")).receives(1)) == b"x"


def test_factories(makePeers: Callable[..., Peers]) -> None:
    """
    Factories are started and stopped as those of endpoints are.
    """
    peers = makePeers()
    factory = ConnectionFactory(peers.reactor, peers.bobIdentity, peers.handlers)
    port = peers.result(UNIXServerEndpoint(peers.reactor, "/bob").listen(factory))
    peers.connect()
    assert peers.recorded.starts == 1
    ours = RecordingFactory()
    protocol = peers.open("/record", ours)
    assert (ours.starts, ours.stops) == (1, 0)
    protocol.transport.loseConnection()
    peers.reactor.advance(0)
    assert (ours.starts, ours.stops) == (1, 1)
    peers.result(peers.alice.close())
    peers.result(port.stopListening())
    assert (peers.recorded.starts, peers.recorded.stops) == (1, 1)


def test_cancelledDial(makePeers: Callable[..., Peers]) -> None:
    """
    A dial that is cancelled frees everything at once.
    """
    peers = makePeers()
    silent = RecordingFactory()
    peers.result(UNIXServerEndpoint(peers.reactor, "/bob").listen(silent))
    dialling = dial(peers.reactor, peers.endpoint, peers.aliceIdentity)
    peers.reactor.advance(1)
    dialling.cancel()
    with pytest.raises(CancelledError):
        peers.result(dialling)
    peers.reactor.advance(0)
    assert silent.protocols[0].lost is not None
    assert peers.reactor.getDelayedCalls() == []


def test_cancelledStream(peers: Peers) -> None:
    """
    So does the opening of a stream; the connection goes on.
    """
    factory = RecordingFactory()
    opening = peers.alice.openStream("/record", factory)
    opening.cancel()
    with pytest.raises(CancelledError):
        peers.result(opening)
    peers.reactor.advance(0)
    assert factory.protocols == []
    assert (peers.alice.streams, peers.bob.streams) == (0, 0)
    assert peers.record()


def test_silentStream(peers: Peers) -> None:
    """
    A stream on whose protocol the peer does not agree is given up after a minute.
    """
    peers.bob.transport.stopReading()
    began = peers.reactor.seconds()
    with pytest.raises(StreamTimeout):
        peers.open("/echo", RecordingFactory())
    assert peers.reactor.seconds() - began == pytest.approx(60)
    peers.bob.transport.startReading()
    peers.reactor.advance(0)
    assert (peers.alice.streams, peers.bob.streams) == (0, 0)


def test_tooManyStreams(makePeers: Callable[..., Peers]) -> None:
    """
    Streams beyond the peer's limit are reset by it; ours tell so.
    """
    peers = makePeers(Limits(inboundStreams=2))
    peers.listen()
    peers.connect()
    peers.record()
    kept = peers.record()[0]
    with pytest.raises(StreamReset):
        peers.open("/record", RecordingFactory())
    kept.transport.loseConnection()
    peers.reactor.advance(0)
    peers.recorded.protocols[1].transport.loseConnection()
    peers.record()


def test_unacceptedStreams(peers: Peers) -> None:
    """
    We wait for a peer that accepts nothing before we open more than 256.
    """
    peers.bob.transport.stopReading()
    opening = [peers.alice.openStream("/echo", RecordingFactory()) for _ in range(256)]
    with pytest.raises(TooManyStreams):
        peers.open("/echo", RecordingFactory())
    for each in opening:
        each.addErrback(lambda failure: failure.trap(StreamTimeout) and None)
    peers.reactor.advance(61)
    peers.bob.transport.startReading()


def test_identify(peers: Peers) -> None:
    """
    Who asks who we are is told: our key and protocols, and the onion where there is one.
    """
    asked = peers.open(NAME, RecordingFactory())
    peers.reactor.advance(0)
    told = take(asked.received)
    assert told == Identification(
        peers.bobIdentity.publicKey.encoded,
        (),
        ("/echo", NAME, "/ipfs/ping/1.0.0", "/record"),
        "onionp2p",
        "ipfs/0.1.0",
    )
    assert asked.lost.check(ConnectionDone)
    peers.factory.onion = ONION
    peers.result(peers.alice.close())
    peers.connect()
    asked = peers.open(NAME, RecordingFactory())
    peers.reactor.advance(0)
    told = take(asked.received)
    assert told is not None
    assert told.addresses == (ONION.toBytes(),)


def test_close(peers: Peers) -> None:
    """
    Who closes takes the streams along: here they end cleanly, as was wanted; there they are cut.
    """
    ours, theirs = peers.record()
    bob = peers.bob
    assert isinstance(peers.result(peers.alice.close()), ConnectionDone)
    peers.result(bob.whenEnded())
    assert ours.lost is not None
    assert ours.lost.check(ConnectionDone)
    assert theirs.lost is not None
    assert theirs.lost.check(StreamReset)
    with pytest.raises(ConnectionClosing):
        peers.open("/echo", RecordingFactory())
    peers.result(peers.alice.close())  # once more does no harm
    peers.alice.abort()
    assert peers.factory.connections == set()
    assert peers.reactor.getDelayedCalls() == []


def test_closeToOneThatDoesNotRead(peers: Peers) -> None:
    """
    A peer that does not read our last word is left after five seconds.
    """
    peers.bob.transport.stopReading()
    stuck = peers.alice.openStream("/record", RecordingFactory())
    stuck.addErrback(lambda failure: failure.trap(ConnectionClosing) and None)
    peers.alice.transport.write(bytes(8 << 20))
    began = peers.reactor.seconds()
    peers.result(peers.alice.close())
    assert peers.reactor.seconds() - began == pytest.approx(5)
    peers.bob.transport.startReading()


def test_cut(peers: Peers) -> None:
    """
    A connection that just ends is no clean end for its streams: something may be missing.
    """
    ours, theirs = peers.record()
    peers.alice.transport.loseConnection()
    peers.alice.transport.unregisterProducer()
    peers.reactor.advance(0)
    for end in (ours, theirs):
        assert end.lost is not None
        assert end.lost.check(ConnectionCut)
    assert peers.reactor.getDelayedCalls() == []


def test_abort(peers: Peers) -> None:
    """
    To abort is to end at once.
    """
    peers.record()
    peers.alice.abort()
    peers.reactor.advance(0)
    assert peers.factory.connections == set()
    assert peers.reactor.getDelayedCalls() == []


def test_idle(makePeers: Callable[..., Peers]) -> None:
    """
    Where it is wanted, a connection without streams is closed after a while; with one it is not.
    """
    peers = makePeers(Limits(idle=10, linger=1))
    peers.listen()
    peers.connect()
    peers.reactor.advance(9)
    ours, theirs = peers.record()
    peers.reactor.advance(100)
    assert ours.lost is None
    ours.transport.loseConnection()
    peers.reactor.advance(9)
    assert peers.factory.connections
    assert peers.reactor.getDelayedCalls()
    peers.reactor.advance(2)
    assert peers.factory.connections == set()
    assert theirs.lost is not None


def test_peerGoesAway(peers: Peers) -> None:
    """
    When the peer takes no new streams, those there are go on, and the connection ends after them.
    """
    ours, theirs = peers.record()
    peers.bob._streams.session.goAway(0)  # type: ignore[arg-type]
    peers.bob._streams.flushSoon()
    peers.reactor.advance(0)
    with pytest.raises(TooManyStreams, match="no new ones"):
        peers.open("/echo", RecordingFactory())
    theirs.transport.write(b"still")
    assert peers.result(ours.receives(5)) == b"still"
    ours.transport.loseConnection()
    peers.reactor.advance(0)
    assert ours.lost is not None
    assert ours.lost.check(ConnectionDone)
    assert peers.factory.connections == set()
