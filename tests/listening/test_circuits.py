# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Peers told apart by their circuits, with tors in memory.
"""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet import unix
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.interfaces import ITCPTransport
from twisted.logger import capturedLogs
from zope.interface.verify import verifyObject

from onionp2p import (
    DialOptions,
    ListenOptions,
    OnionAddress,
    OnionClientEndpoint,
    OnionPeer,
    OnionServerEndpoint,
)
from onionp2p.interfaces import ICircuitTransport
from onionp2p.listening.arrivals import Arrivals
from onionp2p.listening.listen import OnionPort
from onionp2p.options import Admission, TorOptions
from onionp2p.testing import FakeNetwork, MemoryReactor, RecordingFactory
from onionp2p.testing.faketor import Delay, Hang, Refuse
from onionp2p.tor.pool import leaseTor


class Rig:
    """
    A listener that tells peers apart.
    """

    def __init__(self, reactor: MemoryReactor, network: FakeNetwork) -> None:
        self.reactor = reactor
        self.network = network
        self.factory = RecordingFactory(echoes=True)
        self.listen()

    def listen(self, **options: Any) -> None:
        """
        Listen.
        """
        endpoint = OnionServerEndpoint(self.reactor, ListenOptions(7777, circuits=True, **options))
        port = self.reactor.resultOf(endpoint.listen(self.factory))
        assert isinstance(port, OnionPort)
        self.port = port

    def dial(self, isolate: str = "one", timeout: float = 5) -> Any:
        """
        Connect to it, by a circuit of a name.
        """
        options = DialOptions(self.port.getHost(), isolate=isolate, timeout=timeout)
        endpoint = OnionClientEndpoint(self.reactor, options)
        dialer = self.reactor.resultOf(endpoint.connect(RecordingFactory()))
        self.reactor.advance(0)
        return dialer

    @property
    def peers(self) -> list[Any]:
        """
        Those who came in.
        """
        return [protocol.transport.getPeer() for protocol in self.factory.protocols]

    def knock(self) -> Any:
        """
        Connect to the local socket, as tor does.
        """
        (path,) = [path for path in self.reactor.sockets.listening if "onion-" in str(path)]
        endpoint = UNIXClientEndpoint(self.reactor, str(path))
        return self.reactor.resultOf(endpoint.connect(RecordingFactory()))


@pytest.fixture
def rig(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> Rig:
    """
    A listener that tells peers apart.
    """
    return Rig(memory_reactor, fake_network)


def test_toldApart(rig: Rig) -> None:
    """
    Connections of one circuit have one number, those of another another; the factory gets the
    peer, and the application's first byte is the peer's.
    """
    for isolate in ("one", "one", "other"):
        dialer = rig.dial(isolate)
        dialer.transport.write(b"hello")
        rig.reactor.advance(0)
        assert dialer.received == b"hello"
    one, again, other = rig.peers
    assert one == again == OnionPeer(one.circuit)
    assert one.circuit != other.circuit
    assert rig.factory.addresses == rig.peers
    assert [protocol.received for protocol in rig.factory.protocols] == [b"hello"] * 3


def test_interface(rig: Rig) -> None:
    """
    Its transports are what the interface says, and those of other listeners are not.
    """
    rig.dial()
    verifyObject(ICircuitTransport, rig.factory.protocols[0].transport)
    plain = RecordingFactory()
    endpoint = OnionServerEndpoint(rig.reactor, ListenOptions(7777))
    port = rig.reactor.resultOf(endpoint.listen(plain))
    assert isinstance(port, OnionPort)
    dialer = OnionClientEndpoint(rig.reactor, DialOptions(port.getHost()))
    rig.reactor.resultOf(dialer.connect(RecordingFactory()))
    rig.reactor.advance(0)
    assert not ICircuitTransport.providedBy(plain.protocols[0].transport)


def test_closeCircuit(rig: Rig) -> None:
    """
    Closing a circuit ends all connections of that peer, and no other's.  He may come back.
    """
    dialers = [rig.dial(isolate) for isolate in ("one", "one", "other")]
    rig.reactor.resultOf(rig.factory.protocols[0].transport.closeCircuit(), seconds=2)
    rig.reactor.advance(0)
    assert [protocol.lost is not None for protocol in rig.factory.protocols] == [True, True, False]
    assert [dialer.lost is not None for dialer in dialers] == [True, True, False]
    rig.reactor.resultOf(rig.factory.protocols[0].transport.closeCircuit(), seconds=0)
    rig.dial("one")
    assert rig.peers[3].circuit not in {rig.peers[0].circuit, rig.peers[2].circuit}


@pytest.mark.parametrize("fault", [Refuse(552, "Unknown circuit"), Hang()])
def test_closeCircuitNeverFails(rig: Rig, fault: Refuse | Hang) -> None:
    """
    Whatever tor says, or if it says nothing: within 2 s the connections are closed.
    """
    rig.dial()
    rig.network.on("CLOSECIRCUIT", fault)
    rig.reactor.resultOf(rig.factory.protocols[0].transport.closeCircuit(), seconds=2)
    rig.reactor.advance(0)
    assert rig.factory.protocols[0].lost is not None
    rig.network.tors[0].thaw()


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.0\r\n\r\n" * 5,
        b"PROXY TCP6 fc00:dead:beef:4dad::0:47 ::1 71 7778\r\n",
        b"PROXY TCP6 fc00:dead:beef:4dad::0:48 ::1 71 7777\r\n",
        bytes(200),
    ],
)
def test_notTor(rig: Rig, data: bytes) -> None:
    """
    What does not begin with tor's line never reaches the application.
    """
    stranger = rig.knock()
    with capturedLogs() as events:
        stranger.transport.write(data)
        rig.reactor.advance(0)
    assert stranger.lost is not None
    assert rig.factory.addresses == []
    assert "something else than its circuit" in str(events)


def test_silence(rig: Rig) -> None:
    """
    Who does not send that line is put out after 10 s; nobody waits for him.
    """
    stranger = rig.knock()
    rig.reactor.advance(5)
    rig.dial()
    isOver = [stranger.lost is not None]
    rig.reactor.advance(5)
    isOver.append(stranger.lost is not None)
    assert isOver == [False, True]
    assert len(rig.factory.addresses) == 1


def test_manyWithoutLine(rig: Rig) -> None:
    """
    There are at most 1024 of those; they are let in again when some have gone.
    """
    strangers = [rig.knock() for _ in range(1024)]
    late = rig.knock()
    rig.reactor.advance(0)
    assert late.lost is not None
    strangers[0].transport.loseConnection()
    rig.reactor.advance(0)
    rig.dial()
    assert len(rig.factory.addresses) == 1
    rig.reactor.advance(10)


def test_goneBeforeTheLine(rig: Rig) -> None:
    """
    Who goes before he has said by which circuit he came leaves nothing.
    """
    stranger = rig.knock()
    stranger.transport.write(b"PROXY TCP6 fc00:")
    rig.reactor.advance(0)
    stranger.transport.loseConnection()
    rig.reactor.advance(0)
    assert rig.factory.addresses == []
    rig.reactor.resultOf(rig.port.stopListening())


def test_refusingFactory(rig: Rig) -> None:
    """
    A factory that builds no protocol turns the peer away.
    """
    rig.factory = RecordingFactory(refuses=True)
    rig.listen()
    assert rig.dial().lost is not None
    assert len(rig.factory.addresses) == 1


def test_connectionsLiveOn(rig: Rig) -> None:
    """
    After the listener has stopped, connections live on, nobody gets in any more, and with the last
    connection the onion goes.
    """
    dialer = rig.dial()
    rig.reactor.resultOf(rig.port.stopListening(), seconds=0)
    dialer.transport.write(b"still here?")
    rig.reactor.advance(1000)
    assert dialer.received == b"still here?"
    with pytest.raises(Exception, match="program behind it"):
        rig.dial("other")
    dialer.transport.loseConnection()
    rig.reactor.advance(0)
    assert rig.network.tors[0].onions.services == {}
    rig.reactor.advance(60)
    assert rig.reactor.leftovers() == []


def test_limitPerCircuit(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    With maxstreams= a peer who opens one connection too many loses all of his.
    """
    rig = Rig(memory_reactor, fake_network)
    rig.listen(admission=Admission(maxStreams=2))
    dialers = [rig.dial("one"), rig.dial("one"), rig.dial("other")]
    with pytest.raises(Exception, match="onion"):
        rig.dial("one", timeout=1)
    rig.reactor.advance(0)
    assert [dialer.lost is not None for dialer in dialers] == [True, True, False]


def test_slowLine(rig: Rig) -> None:
    """
    It does not matter in which pieces the line comes, nor what comes with it.
    """
    stranger = rig.knock()
    line = b"PROXY TCP6 fc00:dead:beef:4dad::ffff:1 ::1 1 7777\r\n"
    for byte in line:
        stranger.transport.write(bytes([byte]))
        rig.reactor.advance(0.01)
    assert rig.peers == [OnionPeer(0xFFFF0001)]
    other = rig.knock()
    other.transport.write(line + b"first" + bytes(100_000))
    rig.reactor.advance(0)
    assert rig.factory.protocols[1].received[:5] == b"first"
    assert len(rig.factory.protocols[1].received) == 100_005


def test_published(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    listen() fires when the descriptor is published, as for other onions.
    """
    fake_network.on("UPLOAD", Delay(4))
    endpoint = OnionServerEndpoint(memory_reactor, ListenOptions(7777, circuits=True))
    listening: Deferred[Any] = endpoint.listen(RecordingFactory())
    memory_reactor.advance(3)
    assert not listening.called
    memory_reactor.resultOf(listening)
    assert memory_reactor.seconds() == 4


@pytest.mark.parametrize("circuits", [False, True])
def test_madeAsTheyAreToBe(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, circuits: bool
) -> None:
    """
    A real port makes its transports of the class that they keep, which halves what they take.
    """
    lease = leaseTor(memory_reactor, TorOptions())
    address = OnionAddress("vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd", 7777)
    arrivals = Arrivals(RecordingFactory(), address, lease, circuits=circuits)
    port = unix.Port(b"/nowhere", arrivals)
    arrivals.prepare(port)
    assert issubclass(port.transport, unix.Server)
    assert ICircuitTransport.implementedBy(port.transport) == circuits
    assert ITCPTransport.implementedBy(port.transport)
    lease.release()
