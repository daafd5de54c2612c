# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Which dials of C{protocol=} share a connection, and for how long there is one.
"""

from __future__ import annotations

import os
from itertools import count
from typing import Any

import pytest
from twisted.internet.defer import gatherResults
from twisted.internet.endpoints import clientFromString, serverFromString
from twisted.internet.error import ConnectingCancelledError, TimeoutError

from onionp2p import OnionAddress
from onionp2p.keys import Identity as OnionIdentity
from onionp2p.libp2p import Identity
from onionp2p.libp2p.errors import IdentityFileError, StreamRefused
from onionp2p.testing import FakeNetwork, MemoryReactor, RecordingFactory

NOBODY = OnionIdentity(bytes(32)).label


class Rig:
    """
    A listener, and dials to it.
    """

    def __init__(self, reactor: MemoryReactor, network: FakeNetwork) -> None:
        self.reactor = reactor
        self.network = network
        self.server = RecordingFactory(greeting=b"hello")
        text = "onionp2p:listen:port=7777:protocol=/hello"
        self.port: Any = reactor.resultOf(serverFromString(reactor, text).listen(self.server))
        self.address: OnionAddress = self.port.getHost()

    def endpoint(self, options: str = "timeout=20", protocol: str = "/hello") -> Any:
        """Give an endpoint that dials it."""
        text = f"onionp2p:dial:addr={self.address}:protocol={protocol}:{options}"
        return clientFromString(self.reactor, text)

    def connect(self, endpoint: Any, factory: RecordingFactory | None = None) -> Any:
        """Connect, and give the protocol once it is greeted."""
        protocol = self.reactor.resultOf(endpoint.connect(factory or RecordingFactory()))
        self.reactor.advance(0)
        assert protocol.received == b"hello"
        return protocol

    @property
    def dials(self) -> int:
        """How many connections were asked for."""
        return len(self.network.dials)

    @property
    def open(self) -> int:
        """How many there are."""
        return sum(len(tor.streams) for tor in self.network.tors)

    @property
    def peers(self) -> set[str]:
        """Who has come."""
        return {protocol.transport.getPeer().peerID for protocol in self.server.protocols}


@pytest.fixture
def rig(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> Rig:
    """A listener, with a tor in memory."""
    return Rig(memory_reactor, fake_network)


def test_ofOneEndpoint(rig: Rig) -> None:
    """
    The dials of one endpoint share a connection, those that are made at once too.
    """
    endpoint, client = rig.endpoint(), RecordingFactory()
    rig.reactor.resultOf(gatherResults([endpoint.connect(client) for _ in range(300)]))
    rig.connect(endpoint)
    assert [protocol.received for protocol in client.protocols] == [b"hello"] * 300
    assert len(rig.server.protocols) == 301
    assert len(rig.peers) == 1
    # A connection has room for 256 streams that are not accepted yet.
    assert rig.dials <= 2


def test_ofTwoEndpoints(rig: Rig) -> None:
    """
    Two endpoint objects share neither a circuit nor a connection nor an identity.
    """
    for _ in range(2):
        rig.connect(rig.endpoint())
    assert (rig.dials, rig.open, len(rig.peers)) == (2, 2, 2)
    assert len({record.token for record in rig.network.dials}) == 2


def test_ofOneLabel(rig: Rig) -> None:
    """
    Endpoints with one label share all three, whatever they speak and however long they wait; those
    of another do not.
    """
    for options in ("isolate=one", "isolate=one:timeout=9", "isolate=two"):
        rig.connect(rig.endpoint(options))
    assert (rig.dials, len(rig.peers)) == (2, 2)


def test_isolatedDials(rig: Rig) -> None:
    """
    With isolate=dial nothing is shared, not even a fresh identity, and a connection goes with its
    stream.
    """
    endpoint = rig.endpoint("isolate=dial")
    protocols = [rig.connect(endpoint) for _ in range(3)]
    assert (rig.dials, rig.open, len(rig.peers)) == (3, 3, 3)
    assert len({record.token for record in rig.network.dials}) == 3
    protocols[0].transport.loseConnection()
    rig.reactor.advance(0)
    rig.server.protocols[0].transport.loseConnection()
    rig.reactor.advance(1)
    assert rig.open == 2


def test_idle(rig: Rig) -> None:
    """
    Half a minute after its last stream the connection is closed, and made again when it is needed;
    the endpoint is the same peer then.
    """
    endpoint, client = rig.endpoint(), RecordingFactory()
    protocol = rig.connect(endpoint, client)
    rig.reactor.advance(300)
    assert rig.open == 1
    protocol.transport.loseConnection()
    rig.reactor.advance(25)
    assert rig.open == 1
    rig.connect(endpoint, client).transport.loseConnection()
    assert rig.dials == 1
    rig.reactor.advance(61)
    assert rig.open == 0
    rig.connect(endpoint, client).transport.loseConnection()
    assert (rig.dials, len(rig.peers)) == (2, 1)
    rig.reactor.advance(61)
    assert client.starts == client.stops


def test_cut(rig: Rig) -> None:
    """
    A connection that was cut is made again.
    """
    endpoint = rig.endpoint()
    protocol = rig.connect(endpoint)
    (stream,) = rig.network.tors[0].streams
    stream.abort()
    rig.reactor.advance(0)
    assert protocol.lost is not None
    rig.connect(endpoint)
    assert rig.dials == 2


def test_torDies(rig: Rig) -> None:
    """
    So is one whose tor has died.
    """
    endpoint = rig.endpoint("timeout=100")
    protocol = rig.connect(endpoint)
    rig.network.tors[0].die()
    rig.reactor.advance(30)
    assert protocol.lost is not None
    rig.connect(endpoint)


def test_silentConnection(rig: Rig) -> None:
    """
    On a connection that does not answer any more no other stream is opened; the next dial makes a
    new one.
    """
    endpoint = rig.endpoint("timeout=20")
    rig.connect(endpoint)
    (stream,) = rig.network.tors[0].streams
    stream.freeze(rig)
    with pytest.raises(TimeoutError, match=r"20 s were not enough.*opening a stream"):
        rig.connect(endpoint)
    rig.connect(endpoint)
    assert rig.dials == 2


def test_peerLeaves(rig: Rig) -> None:
    """
    What the listener has withdrawn can't be reached on a connection that there is; and no stream
    that there is ends with it.
    """
    endpoint = rig.endpoint("timeout=3")
    protocol = rig.connect(endpoint)
    rig.reactor.resultOf(rig.port.stopListening())
    with pytest.raises(Exception, match="does not speak this protocol"):
        rig.connect(endpoint)
    assert protocol.lost is None


def test_withdrawnWithoutStreams(rig: Rig) -> None:
    """
    When the onion is withdrawn, connections that nobody uses end with it.
    """
    protocol = rig.connect(rig.endpoint())
    protocol.transport.loseConnection()
    rig.reactor.advance(0)
    rig.server.protocols[0].transport.loseConnection()
    rig.reactor.advance(0)
    assert rig.open == 1
    rig.reactor.resultOf(rig.port.stopListening())
    rig.reactor.advance(1)
    assert rig.open == 0


def test_withdrawnWithStreams(rig: Rig) -> None:
    """
    The others end with their last stream.
    """
    protocol = rig.connect(rig.endpoint())
    rig.reactor.resultOf(rig.port.stopListening())
    rig.reactor.advance(600)
    assert (protocol.lost, rig.open) == (None, 1)
    protocol.transport.abortConnection()
    rig.reactor.advance(1)
    assert rig.open == 0


def test_factoryThatRefuses(rig: Rig) -> None:
    """
    A factory that builds nothing fails its dial alone.
    """
    endpoint = rig.endpoint()
    protocol = rig.connect(endpoint)
    refusing = RecordingFactory(refuses=True)
    with pytest.raises(StreamRefused):
        rig.connect(endpoint, refusing)
    assert refusing.addresses == [rig.address]
    rig.reactor.advance(0)
    assert (protocol.lost, refusing.starts - refusing.stops) == (None, 0)


def test_timesOfTwoThatWait(rig: Rig) -> None:
    """
    Of dials that wait for one connection, each has its own time.
    """
    begun, ended = rig.reactor.seconds(), {}
    waiting = {}
    for seconds in (20, 5, 10):
        text = f"addr={NOBODY}.onion:1:protocol=/x:isolate=one:timeout={seconds}"
        endpoint = clientFromString(rig.reactor, "onionp2p:dial:" + text)
        waiting[seconds] = endpoint.connect(RecordingFactory())
        waiting[seconds].addErrback(lambda why, s=seconds: ended.update({s: (why, now())}))

    def now() -> float:
        return rig.reactor.seconds() - begun

    rig.reactor.advance(60)
    assert sorted(ended) == [5, 10, 20]
    for seconds, (failure, when) in ended.items():
        assert failure.check(TimeoutError)
        assert f"{seconds} s were not enough" in str(failure.value)
        assert when == pytest.approx(seconds, abs=0.1)


def test_oneTimesOut(rig: Rig) -> None:
    """
    Who has begun may run out of time first: then another one begins.
    """
    results: list[Any] = []
    rig.network.goDown()
    for seconds in (5, 30):
        endpoint = rig.endpoint(f"isolate=one:timeout={seconds}")
        endpoint.connect(RecordingFactory()).addBoth(results.append)
    rig.reactor.advance(10)
    assert len(results) == 1
    assert results[0].check(TimeoutError)
    rig.network.comeBack()
    rig.reactor.advance(15)
    assert results[1].received == b"hello"


def test_cancelledWhileOthersWait(rig: Rig) -> None:
    """
    Who gives up, the first one too, leaves the connection to those that still wait; the last one
    ends the attempt.
    """
    rig.network.goDown()
    endpoint, client = rig.endpoint("timeout=100"), RecordingFactory()
    first, second = endpoint.connect(client), endpoint.connect(client)
    rig.reactor.advance(5)
    first.cancel()
    with pytest.raises(ConnectingCancelledError):
        rig.reactor.resultOf(first, seconds=0)
    rig.network.comeBack()
    assert rig.reactor.resultOf(second).factory is client
    assert len(client.protocols) == 1


def test_cancelledAtEveryTurn() -> None:
    """
    Whichever turn of the reactor a dial is cancelled in, nothing is left of it, and its protocol is
    either connected or never built.
    """
    for turns in count():
        reactor = MemoryReactor()
        reactor.start()
        with FakeNetwork(reactor) as network:
            rig, client = Rig(reactor, network), RecordingFactory()
            endpoint = rig.endpoint("isolate=dial")
            connecting = endpoint.connect(client)
            for _ in range(turns):
                reactor.iterate()
            if connecting.called:
                break
            connecting.cancel()
            with pytest.raises(ConnectingCancelledError) as caught:
                reactor.resultOf(connecting, seconds=0)
            assert rig.address.label not in str(caught.value)
            reactor.advance(1)
            assert (client.protocols, client.starts - client.stops, rig.open) == ([], 0, 0)
            reactor.stop()
            reactor.advance(0)
        assert reactor.leftovers() == []
    assert turns > 15


def test_identityFile(rig: Rig, tmp_path: Any) -> None:
    """
    identity=PATH is who all who name it are; a listener too, in the same program.
    """
    path = tmp_path / "id"
    for _ in range(2):
        rig.connect(rig.endpoint(f"identity={path}"))
    assert rig.dials == 2
    (peerID,) = rig.peers
    assert Identity.decode(path.read_bytes()).peerID == peerID
    text = f"onionp2p:listen:port=8:protocol=/x:identity={path}"
    port: Any = rig.reactor.resultOf(serverFromString(rig.reactor, text).listen(rig.server))
    assert port.getHost().peerID == peerID


def test_identityFileIsFreeAfterwards(rig: Rig, tmp_path: Any) -> None:
    """
    It is locked while there is a connection, and no longer.
    """
    path = tmp_path / "id"
    protocol = rig.connect(rig.endpoint(f"identity={path}"))
    assert sorted(os.listdir(tmp_path)) == ["id", "id.lock"]
    protocol.transport.loseConnection()
    rig.reactor.advance(70)
    assert os.listdir(tmp_path) == ["id"]


def test_badIdentityFile(rig: Rig, tmp_path: Any) -> None:
    """
    A file that is none fails the dial, by its name, and nothing is dialled.
    """
    path = tmp_path / "id"
    path.write_text("hello")
    path.chmod(0o600)
    with pytest.raises(IdentityFileError, match=f"{path}: not an Ed25519 private key"):
        rig.connect(rig.endpoint(f"identity={path}"))
    assert (rig.dials, path.read_text()) == (0, "hello")
