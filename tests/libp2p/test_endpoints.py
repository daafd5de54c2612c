# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{protocol=} in endpoint strings, with a tor in memory: ordinary servers and clients are libp2p
protocols at onions.
"""

from __future__ import annotations

import subprocess
import sys
from base64 import b32decode
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import pytest
from twisted.internet.defer import CancelledError, gatherResults
from twisted.internet.endpoints import clientFromString, connectProtocol, serverFromString
from twisted.internet.error import (
    CannotListenError,
    ConnectError,
    TimeoutError,
)
from twisted.internet.interfaces import (
    IListeningPort,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import Factory
from twisted.internet.ssl import Certificate
from twisted.logger import capturedLogs
from twisted.protocols.amp import AMP, Command, Integer
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.protocols.wire import Echo
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import Site
from zope.interface.verify import verifyObject

from onionp2p import ListenOptions, OnionAddress, OnionServerEndpoint
from onionp2p.errors import ListenTimeout, OnionPortInUse
from onionp2p.events import Published
from onionp2p.interfaces import ICircuitTransport
from onionp2p.keys import Identity as OnionIdentity
from onionp2p.keys.files import saveIdentity
from onionp2p.libp2p import Identity, PeerAddress, identify
from onionp2p.libp2p.errors import (
    HandshakeError,
    Libp2pError,
    MultistreamError,
    NodeOptionsDiffer,
    ProtocolInUse,
    ProtocolUnsupported,
    SeedUnknown,
    WrongPeer,
)
from onionp2p.testing import FakeNetwork, MemoryReactor, RecordingFactory
from onionp2p.testing.certificates import selfSigned

NOBODY = OnionIdentity(bytes(32)).label


class Rig:
    """
    Listens and dials by strings.
    """

    def __init__(self, reactor: MemoryReactor, network: FakeNetwork) -> None:
        self.reactor = reactor
        self.network = network

    def listen(self, options: str, factory: Any) -> Any:
        """Listen at an onion's port 7777, and give the port."""
        endpoint = serverFromString(self.reactor, f"onionp2p:listen:port=7777:{options}")
        return self.reactor.resultOf(endpoint.listen(factory))

    def endpoint(self, port: Any, options: str, *, peer: bool = True) -> Any:
        """Give an endpoint that dials a port."""
        address = port.getHost()
        text = str(address) if peer else address.hostname + ":7777"
        return clientFromString(self.reactor, f"onionp2p:dial:addr={text}:{options}")

    def connect(self, endpoint: Any, factory: Any = None) -> Any:
        """Connect, and give the protocol."""
        return self.reactor.resultOf(endpoint.connect(factory or RecordingFactory()))

    def exchange(self, protocol: Any, data: bytes = b"hello") -> bytes:
        """Write, and give what is there then."""
        protocol.transport.write(data)
        self.reactor.advance(0)
        return bytes(protocol.received)

    def stop(self, port: Any) -> None:
        """Stop a port."""
        self.reactor.resultOf(port.stopListening())


@pytest.fixture
def rig(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> Rig:
    """Strings, and a tor in memory."""
    return Rig(memory_reactor, fake_network)


def test_parsingDoesNothing(rig: Rig) -> None:
    """
    A string gives an endpoint, and nothing is opened or launched.
    """
    server = serverFromString(rig.reactor, "onionp2p:listen:port=7777:protocol=/echo")
    client = clientFromString(rig.reactor, f"onionp2p:dial:addr={NOBODY}.onion:1:protocol=/echo")
    verifyObject(IStreamServerEndpoint, server)
    verifyObject(IStreamClientEndpoint, client)
    rig.reactor.advance(10)
    assert (rig.network.tors, rig.reactor.leftovers()) == ([], [])


def test_thereAndBack(rig: Rig) -> None:
    """
    The log has the address with the peer id; who dials that, speaks with the application, and both
    know who the other is.
    """
    server = RecordingFactory(echoes=True)
    with capturedLogs() as events:
        port = rig.listen("protocol=/echo/1.0", server)
    verifyObject(IListeningPort, port)
    address = port.getHost()
    assert isinstance(address, OnionAddress)
    assert address.peerID is not None
    assert address.peerID.startswith("12D3")
    logged = [str(event["onionp2p"]) for event in events if "onionp2p" in event]
    assert f"listening on {address}" in logged
    dialer = rig.connect(rig.endpoint(port, "protocol=/echo/1.0"))
    assert rig.exchange(dialer) == b"hello"
    assert dialer.transport.getPeer() == address
    (stream,) = server.protocols
    assert stream.transport.getHost() == address
    peer = stream.transport.getPeer()
    assert isinstance(peer, PeerAddress)
    assert peer.peerID == dialer.transport.getHost().peerID != address.peerID
    assert (peer.host, peer.port, peer.circuit) == ("anonymous.invalid", 0, None)
    rig.stop(port)


def test_whoeverIsThere(rig: Rig) -> None:
    """
    Without a peer id in the address, who is at the onion is told.
    """
    port = rig.listen("protocol=/echo", RecordingFactory())
    dialer = rig.connect(rig.endpoint(port, "protocol=/echo", peer=False))
    assert dialer.transport.getPeer() == port.getHost()


def test_wrongPeer(rig: Rig) -> None:
    """
    If another peer than the one in the address answers, nothing is said to it.
    """
    server, client = RecordingFactory(greeting=b"hello"), RecordingFactory(greeting=b"hello")
    port = rig.listen("protocol=/echo", server)
    address = f"/onion3/{port.getHost().label}:7777/p2p/{Identity.generate().peerID}"
    endpoint = clientFromString(rig.reactor, f"onionp2p:dial:addr={address}:protocol=/echo")
    with pytest.raises(WrongPeer, match="check the id in the address") as caught:
        rig.connect(endpoint, client)
    assert isinstance(caught.value, ConnectError)
    assert port.getHost().label not in str(caught.value)
    assert caught.value.address == port.getHost().shortened
    rig.reactor.advance(10)
    assert (server.protocols, client.protocols) == ([], [])
    assert client.starts == client.stops


def test_anotherProtocol(rig: Rig) -> None:
    """
    A protocol that the peer does not speak is named.
    """
    port = rig.listen("protocol=/echo", RecordingFactory())
    with pytest.raises(ProtocolUnsupported, match="/other"):
        rig.connect(rig.endpoint(port, "protocol=/other"))


def test_noLibp2p(rig: Rig) -> None:
    """
    What does not speak libp2p at all gives an error that says so, and nothing stays open.
    """
    port = rig.listen("wait=published", RecordingFactory(greeting=b"220 hello\r\n"))
    with pytest.raises(Libp2pError) as caught:
        rig.connect(rig.endpoint(port, "protocol=/echo"))
    assert isinstance(caught.value, MultistreamError | HandshakeError)
    rig.reactor.advance(10)
    assert rig.network.tors[0].streams == []


def test_rawDialOfLibp2p(rig: Rig) -> None:
    """
    A raw dial of a libp2p node hears its first words, and the node's application nothing.
    """
    server = RecordingFactory()
    port = rig.listen("protocol=/echo", server)
    dialer = rig.connect(rig.endpoint(port, "timeout=9", peer=False))
    assert rig.exchange(dialer, b"GET / HTTP/1.0\r\n\r\n") == b""
    rig.reactor.advance(10)
    assert (server.protocols, dialer.lost is not None) == ([], True)


def test_nobody(rig: Rig) -> None:
    """
    An onion that is not there is told of as to a raw dial.
    """
    text = f"onionp2p:dial:addr={NOBODY}.onion:7777:protocol=/echo:timeout=5"
    with pytest.raises(TimeoutError, match="5 s were not enough; the last attempt: Nobody is"):
        rig.connect(clientFromString(rig.reactor, text))


def test_silence(rig: Rig) -> None:
    """
    The deadline holds for the handshake too.
    """
    port = rig.listen("wait=published", RecordingFactory())
    begun = rig.reactor.seconds()
    with pytest.raises(TimeoutError, match=r"5 s were not enough.*making a libp2p connection"):
        rig.connect(rig.endpoint(port, "protocol=/echo:timeout=5"))
    assert rig.reactor.seconds() - begun == pytest.approx(5, abs=0.1)
    rig.reactor.advance(10)
    assert rig.network.tors[0].streams == []


class Sum(Command):
    """Add two numbers."""

    arguments: ClassVar = [(b"a", Integer()), (b"b", Integer())]
    response: ClassVar = [(b"total", Integer())]


class Adder(AMP):
    """Adds."""

    @Sum.responder
    def sum(self, a: int, b: int) -> dict[str, int]:
        return {"total": a + b}


def test_identify(rig: Rig) -> None:
    """
    Who asks is told of the onion, and of the protocols there; of nothing else.
    """
    port = rig.listen("protocol=/1", RecordingFactory())
    asked = rig.connect(rig.endpoint(port, "protocol=/ipfs/id/1.0.0"))
    rig.reactor.advance(0)
    told = identify.take(asked.received)
    assert told is not None
    onion = OnionAddress(port.getHost().label, 7777)
    assert told.addresses == (onion.toBytes(),)
    assert told.protocols == ("/1", "/ipfs/id/1.0.0")


def test_amp(rig: Rig) -> None:
    """
    AMP is a libp2p protocol.
    """
    port = rig.listen("protocol=/amp", Factory.forProtocol(Adder))
    caller = rig.reactor.resultOf(connectProtocol(rig.endpoint(port, "protocol=/amp"), AMP()))
    answer = rig.reactor.resultOf(caller.callRemote(Sum, a=3, b=4))
    assert answer == {"total": 7}


def test_echo(rig: Rig) -> None:
    """
    So is Twisted's own echo.
    """
    port = rig.listen("protocol=/echo", Factory.forProtocol(Echo))
    assert rig.exchange(rig.connect(rig.endpoint(port, "protocol=/echo"))) == b"hello"


def test_web(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    So is HTTP.
    """

    class Page(Resource):
        isLeaf = True

        def render_GET(self, request: Any) -> bytes:
            return f"a page for {request.client.peerID}".encode("ascii")

    site = Site(Page(), reactor=rig.reactor)  # type: ignore[no-untyped-call]
    port = rig.listen("protocol=/http/1.1", site)
    dialer = rig.connect(rig.endpoint(port, "protocol=/http/1.1"))
    answer = rig.exchange(dialer, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    us = dialer.transport.getHost().peerID.encode("ascii")
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"a page for " + us)
    rig.stop(port)


def test_halfClose(rig: Rig) -> None:
    """
    Unlike a raw onion's connection, a stream can be closed in one direction.
    """
    server = RecordingFactory()
    port = rig.listen("protocol=/record", server)
    dialer = rig.connect(rig.endpoint(port, "protocol=/record"))
    dialer.transport.write(b"the end")
    dialer.transport.loseWriteConnection()
    rig.reactor.advance(0)
    assert server.protocols[0].received == b"the end"
    assert server.protocols[0].lost is not None


def test_twoProtocols(rig: Rig, tmp_path: Path) -> None:
    """
    Listeners with one key and port are one onion and one node; each stops for itself, and the onion
    goes with the last.
    """
    key = f"key={tmp_path}/key"
    one, two = RecordingFactory(greeting=b"one"), RecordingFactory(greeting=b"two")
    portOne, portTwo = rig.listen(f"{key}:protocol=/1", one), rig.listen(f"{key}:protocol=/2", two)
    assert portOne.getHost() == portTwo.getHost()
    endpointOne = rig.endpoint(portOne, "protocol=/1:isolate=both")
    endpointTwo = rig.endpoint(portOne, "protocol=/2:isolate=both")
    streamOne, streamTwo = rig.connect(endpointOne), rig.connect(endpointTwo)
    rig.reactor.advance(0)
    assert (streamOne.received, streamTwo.received) == (b"one", b"two")
    assert len(rig.network.dials) == 1
    rig.stop(portOne)
    assert (one.starts, one.stops, two.starts, two.stops) == (1, 1, 1, 0)
    with pytest.raises(ProtocolUnsupported):
        rig.connect(endpointOne)
    rig.connect(endpointTwo)
    assert streamOne.lost is None
    rig.stop(portTwo)
    assert two.stops == 1
    assert rig.exchange(streamTwo, b"x") == b"two"
    with pytest.raises(ConnectError):
        rig.connect(rig.endpoint(portOne, "protocol=/2:timeout=3"))


def test_protocolAddedLater(rig: Rig, tmp_path: Path) -> None:
    """
    What is listened for later is spoken on connections that there are.
    """
    key = f"key={tmp_path}/key"
    port = rig.listen(f"{key}:protocol=/1", RecordingFactory())
    rig.connect(rig.endpoint(port, "protocol=/1:isolate=both"))
    rig.listen(f"{key}:protocol=/2", RecordingFactory(greeting=b"two"))
    dialer = rig.connect(rig.endpoint(port, "protocol=/2:isolate=both"))
    rig.reactor.advance(0)
    assert (dialer.received, len(rig.network.dials)) == (b"two", 1)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ("protocol=/1", ProtocolInUse, "It is /1"),
        ("protocol=/2:identity={}/id", NodeOptionsDiffer, "identity="),
        ("protocol=/2:maxconnections=1:timeout=9", NodeOptionsDiffer, "maxconnections=, timeout="),
        ("protocol=/2:maxstreams=9", NodeOptionsDiffer, "who may come in"),
        ("wait=published", OnionPortInUse, "serves this port"),
    ],
)
def test_secondListenerThatCannotBe(
    rig: Rig, tmp_path: Path, options: str, error: type[CannotListenError], words: str
) -> None:
    """
    A listener that does not go with the one that there is, fails and leaves that as it was.
    """
    key = f"key={tmp_path}/key"
    port = rig.listen(f"{key}:protocol=/1", RecordingFactory(echoes=True))
    factory = RecordingFactory()
    with pytest.raises(error, match=words):
        rig.listen(f"{key}:{options.format(tmp_path)}", factory)
    assert factory.starts == factory.stops
    assert rig.exchange(rig.connect(rig.endpoint(port, "protocol=/1"))) == b"hello"
    rig.stop(port)
    # And then it can be.
    rig.stop(rig.listen(f"{key}:{options.format(tmp_path)}", factory))


def test_rawListenerFirst(rig: Rig, tmp_path: Path) -> None:
    """
    At a port of the onion that is served raw, there is no place for a node.
    """
    key = f"key={tmp_path}/key"
    port = rig.listen(key, RecordingFactory())
    with pytest.raises(OnionPortInUse):
        rig.listen(f"{key}:protocol=/1", RecordingFactory())
    rig.stop(port)
    rig.stop(rig.listen(f"{key}:protocol=/1", RecordingFactory()))


def test_freshKeysAreNotShared(rig: Rig) -> None:
    """
    Without key=, each listener is an onion and a node of its own.
    """
    ports = [rig.listen("protocol=/1", RecordingFactory()) for _ in range(2)]
    assert len({port.getHost().label for port in ports}) == 2
    assert len({port.getHost().peerID for port in ports}) == 2


def test_onionAsIdentity(rig: Rig, tmp_path: Path) -> None:
    """
    identity=onion is the onion's own key.
    """
    port = rig.listen(f"key={tmp_path}/key:protocol=/1:identity=onion", RecordingFactory())
    address = port.getHost()
    public = b32decode(address.label.upper())[:32]
    assert Identity(OnionIdentity.generate().secretBytes()).publicKey.encoded[:-32] + public == (
        identityOf(address)
    )
    dialer = rig.connect(rig.endpoint(port, "protocol=/1"))
    assert dialer.transport.getPeer() == address


def identityOf(address: OnionAddress) -> bytes:
    """Give the public key that is in an address's peer id."""
    from onionp2p.peerid import decodePeerID

    assert address.peerID is not None
    return decodePeerID(address.peerID)[2:]


def test_onionWithoutSeed(rig: Rig, tmp_path: Path) -> None:
    """
    A key that came from tor has no seed, and so can't be libp2p's.
    """
    path = str(tmp_path / "key")
    saveIdentity(path, OnionIdentity(OnionIdentity.generate().expandedBytes()))
    with pytest.raises(SeedUnknown, match="Give an identity= of its own"):
        rig.listen(f"key={path}:protocol=/1:identity=onion", RecordingFactory())
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]
    rig.stop(rig.listen(f"key={path}:protocol=/1", RecordingFactory()))


def test_circuits(rig: Rig) -> None:
    """
    With circuits=yes, peers' addresses tell their circuits, as they do of raw connections.
    """
    server = RecordingFactory()
    port = rig.listen("protocol=/1:circuits=yes", server)
    for _ in range(2):
        rig.connect(rig.endpoint(port, "protocol=/1"))
    rig.reactor.advance(0)
    circuits = {protocol.transport.getPeer().circuit for protocol in server.protocols}
    assert len(circuits - {None}) == 2


def test_closeCircuit(rig: Rig) -> None:
    """
    Then a stream can put its peer out, with all streams on all connections by that circuit; one of
    a connection whose circuit is not known, or that we have made, can't.
    """
    server, plain = RecordingFactory(), RecordingFactory()
    port = rig.listen("protocol=/1:circuits=yes", server)
    first, second = (rig.endpoint(port, "protocol=/1") for _ in range(2))
    dialers = [rig.connect(endpoint) for endpoint in (first, first, second)]
    rig.reactor.advance(0)
    for protocol in server.protocols:
        verifyObject(ICircuitTransport, protocol.transport)
    rig.reactor.resultOf(server.protocols[0].transport.closeCircuit())
    rig.reactor.advance(0)
    assert [protocol.lost is not None for protocol in server.protocols] == [True, True, False]
    assert rig.exchange(dialers[2]) == b""
    rig.connect(rig.endpoint(rig.listen("protocol=/2", plain), "protocol=/2"))
    for protocol in (dialers[2], *plain.protocols):
        assert not ICircuitTransport.providedBy(protocol.transport)
        assert not hasattr(protocol.transport, "closeCircuit")


def test_maxConnections(rig: Rig) -> None:
    """
    maxconnections= counts connections, on each of which are many streams.
    """
    port = rig.listen("protocol=/1:maxconnections=1", RecordingFactory())
    endpoint = rig.endpoint(port, "protocol=/1")
    for _ in range(3):
        rig.connect(endpoint)
    with pytest.raises(ConnectError):
        rig.connect(rig.endpoint(port, "protocol=/1:timeout=3"))


def test_probes(rig: Rig) -> None:
    """
    With wait=reachable, what tries the onion builds nothing of the application's.
    """
    server = RecordingFactory()
    port = rig.listen("protocol=/1:wait=reachable", server)
    rig.reactor.advance(2000)
    assert server.addresses == []
    rig.stop(port)


def test_attached(rig: Rig) -> None:
    """
    An onion that another tor serves may be a node too.
    """
    text = rf"onionp2p:listen:addr={NOBODY}.onion:7777:target=tcp\:127.0.0.1\:80:protocol=/1"
    endpoint = serverFromString(rig.reactor, text)
    with capturedLogs() as events:
        port = rig.reactor.resultOf(endpoint.listen(RecordingFactory()))
    assert (port.getHost().label, port.getHost().port) == (NOBODY, 7777)
    assert port.getHost().peerID is not None
    logged = [str(event["onionp2p"]) for event in events if "onionp2p" in event]
    assert f"listening on {port.getHost()}" in logged
    rig.stop(port)


@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")  # Twisted's own
def test_tls(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Twisted's own endpoints go around it: TLS on a stream.
    """
    monkeypatch.setattr("twisted.protocols.tls._get_default_clock", lambda: rig.reactor)
    onion = OnionIdentity.generate()
    saveIdentity(str(tmp_path / "key"), onion)
    certificate = selfSigned(onion.hostname)
    (tmp_path / "roots").mkdir()
    (tmp_path / "roots" / "one.pem").write_bytes(Certificate.dumpPEM(certificate))
    server: Any = TLSMemoryBIOFactory(
        certificate.options(), False, RecordingFactory(greeting=b"hello")
    )
    rig.listen(f"key={tmp_path}/key:protocol=/1", server)
    inner = rf"onionp2p\:dial\:addr={onion.hostname}\:7777\:protocol=/1"
    string = f"tls:{onion.hostname}:443:endpoint={inner}:trustRoots={tmp_path}/roots"
    dialer = rig.connect(clientFromString(rig.reactor, string))
    assert rig.exchange(dialer) == b"hello"
    dialer.transport.abortConnection()
    rig.reactor.advance(0)


def test_listensWhenTheReactorRuns() -> None:
    """
    Before the reactor runs nothing is made, neither the onion nor the identity.
    """
    reactor = MemoryReactor()
    with FakeNetwork(reactor) as network:
        endpoint = serverFromString(reactor, "onionp2p:listen:port=1:protocol=/1:identity=/no/id")
        listening = endpoint.listen(RecordingFactory())
        assert (network.tors, listening.called) == ([], False)
        reactor.start()
        with pytest.raises(CannotListenError, match="identity file"):
            reactor.resultOf(listening)
        reactor.stop()
        reactor.advance(0)
    assert reactor.leftovers() == []


def test_againAtOnce(rig: Rig, tmp_path: Path) -> None:
    """
    Who stops and listens again at once, has the same onion and identity.
    """
    options = f"key={tmp_path}/key:identity={tmp_path}/id:protocol=/1"
    port = rig.listen(options, RecordingFactory())
    stopping = port.stopListening()
    again = rig.listen(options, RecordingFactory())
    rig.reactor.resultOf(stopping)
    assert again.getHost() == port.getHost()
    rig.connect(rig.endpoint(again, "protocol=/1"))


def test_stopsOnce(rig: Rig) -> None:
    """
    To stop again is harmless, at the reactor's end too.
    """
    server = RecordingFactory()
    port = rig.listen("protocol=/1", server)
    other = rig.listen("protocol=/1", server)
    rig.stop(port)
    rig.stop(port)
    assert server.stops == 1
    rig.reactor.addSystemEventTrigger("before", "shutdown", other.stopListening)
    rig.reactor.stop()
    rig.reactor.advance(1)
    assert (server.starts, server.stops) == (2, 2)


def test_observers(
    rig: Rig, memory_reactor: MemoryReactor, tmp_path: Path, loggedErrors: list[Any]
) -> None:
    """
    Whoever has the onion's events observed is told; one who fails keeps them from nobody else.
    """

    def fail(event: object) -> None:
        raise ValueError("of the application")

    heard: list[object] = []
    listening = []
    for number, observer in enumerate([fail, heard.append]):
        options = ListenOptions(7777, key=f"{tmp_path}/key", protocol=f"/{number}")
        endpoint = OnionServerEndpoint(memory_reactor, options, observer)
        listening.append(endpoint.listen(RecordingFactory()))
    for port in memory_reactor.resultOf(gatherResults(listening)):
        rig.stop(port)
    assert any(isinstance(event, Published) for event in heard)
    assert loggedErrors
    loggedErrors.clear()


def test_nobodyElsePays() -> None:
    """
    Who does not name a protocol does not import libp2p.
    """
    code = (
        "import sys; from onionp2p.options import parseDial, parseListen;"
        "import onionp2p.endpoints as e;"
        "e.OnionServerEndpoint(None, parseListen(['listen'], {'port': '1'}));"
        f"e.OnionClientEndpoint(None, parseDial(['dial', '1'], {{'addr': '{NOBODY}.onion'}}));"
        "print([name for name in sys.modules if 'libp2p' in name])"
    )
    done = subprocess.run([sys.executable, "-Ic", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_againWhenItFails(rig: Rig, tmp_path: Path) -> None:
    """
    Who listens again as soon as it has failed, begins anew, though others have not heard of it yet.
    """
    rig.network.goDown()
    text = f"onionp2p:listen:port=7777:key={tmp_path}/key:timeout=5:protocol="
    one, two = (serverFromString(rig.reactor, f"{text}/{number}") for number in (1, 2))

    def again(failure: Failure) -> Any:
        failure.trap(ListenTimeout)
        rig.network.comeBack()
        return one.listen(RecordingFactory())

    listening = one.listen(RecordingFactory()).addErrback(again)
    failing = two.listen(RecordingFactory())
    port = rig.reactor.resultOf(listening)
    with pytest.raises(ListenTimeout):
        rig.reactor.resultOf(failing)
    rig.connect(rig.endpoint(port, "protocol=/1"))


def test_allCancelled(rig: Rig, tmp_path: Path) -> None:
    """
    When the last listener is cancelled, the onion is not made any more, and its key is free.
    """
    rig.network.goDown()
    listening = []
    for number in range(2):
        text = f"onionp2p:listen:port=7777:key={tmp_path}/key:protocol=/{number}"
        listening.append(serverFromString(rig.reactor, text).listen(RecordingFactory()))
    rig.reactor.advance(5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key", "key.lock"]
    for each in listening:
        each.cancel()
        with pytest.raises(CancelledError):
            rig.reactor.resultOf(each, seconds=0)
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_listenCancelledAtEveryTurn(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """
    Whichever turn of the reactor one of two listeners is cancelled in, the other one is served; and
    once both are, nothing is left.
    """
    for turns in count():
        reactor = MemoryReactor()
        reactor.start()
        folder = tmp_path_factory.mktemp("turn")
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
        with FakeNetwork(reactor) as network:
            rig = Rig(reactor, network)
            text = f"onionp2p:listen:port=7777:key={folder}/key:identity={folder}/id:protocol=/"
            one, two = RecordingFactory(), RecordingFactory()
            first = serverFromString(reactor, text + "1").listen(one)
            second = serverFromString(reactor, text + "2").listen(two)
            for _ in range(turns):
                reactor.iterate()
            if first.called:
                break
            first.cancel()
            with pytest.raises(CancelledError):
                reactor.resultOf(first, seconds=0)
            assert one.starts == one.stops
            port = reactor.resultOf(second)
            rig.connect(rig.endpoint(port, "protocol=/2"))
            rig.stop(port)
            assert (two.starts, two.stops) == (1, 1)
            assert sorted(path.name for path in folder.iterdir() if path.is_file()) == ["id", "key"]
            reactor.stop()
            reactor.advance(0)
        assert reactor.leftovers() == []
    assert turns > 5
