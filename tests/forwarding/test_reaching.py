# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A local place that leads to an onion, with a tor in memory.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import UNIXClientEndpoint, connectProtocol
from twisted.internet.error import ConnectError, ConnectingCancelledError
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from onionp2p import DialOptions, ListenOptions, OnionAddress, OnionServerEndpoint
from onionp2p.errors import ConnectionRefused, DialTimeout
from onionp2p.events import Event
from onionp2p.forwarding import PlaceTaken, Reach, Shut, Warm, reach
from onionp2p.keys import Identity
from onionp2p.testing import FakeNetwork, MemoryReactor, RecordingFactory
from onionp2p.testing.faketor import Delay, Ignore, Refuse

SECONDS_TO_ANSWER = 4.0


class World:
    """
    An onion, and a place that leads to it.

    @ivar served: who is behind the onion.
    @ivar events: what the place has told.
    """

    def __init__(self, reactor: MemoryReactor, network: FakeNetwork, folder: Path) -> None:
        self.reactor = reactor
        self.network = network
        self.path = str(folder / "s")
        self.key = str(folder / "key")
        self.served = RecordingFactory()
        self.events: list[Event] = []
        self.port: Any = None

    def listen(self) -> OnionAddress:
        """
        Have the onion served.
        """
        endpoint = OnionServerEndpoint(self.reactor, ListenOptions(7777, key=self.key, watch=None))
        self.port = self.reactor.resultOf(endpoint.listen(self.served))
        address = self.port.getHost()
        assert isinstance(address, OnionAddress)
        return address

    def withdraw(self) -> None:
        """
        Have it served no more.
        """
        self.reactor.resultOf(self.port.stopListening())

    def begin(self, address: OnionAddress, **options: Any) -> Deferred[Reach]:
        """
        Begin to reach it.
        """
        dial = DialOptions(address, timeout=options.pop("dialTimeout", 30))
        at = options.pop("at", f"unix:{self.path}")
        observer = options.pop("observer", self.events.append)
        return reach(self.reactor, dial, at, observer=observer, **options)

    def reach(self, **options: Any) -> Reach:
        """
        Serve it and reach it.
        """
        return self.reactor.resultOf(self.begin(self.listen(), **options))

    def connect(self) -> Any:
        """
        Come in at the place.
        """
        endpoint = UNIXClientEndpoint(self.reactor, self.path, timeout=1)
        peer = self.reactor.resultOf(endpoint.connect(RecordingFactory()))
        self.reactor.advance(0)
        return peer

    def isOpen(self) -> bool:
        """
        Whether who comes is let in.
        """
        try:
            self.connect().transport.abortConnection()
        except ConnectError:
            return False
        self.reactor.advance(0)
        return True

    def told(self, kind: type[Event]) -> int:
        """
        Count events.
        """
        return sum(isinstance(event, kind) for event in self.events)


@pytest.fixture
def world(memory_reactor: MemoryReactor, fake_network: FakeNetwork, tmp_path: Path) -> World:
    """
    A world in memory.
    """
    return World(memory_reactor, fake_network, tmp_path)


def test_carries(world: World) -> None:
    """
    Who connects to the place is connected to the onion; before, we were, and closed again.
    """
    reaching = world.reach()
    assert str(reaching.place) == f"unix:{world.path}"
    peer = world.connect()
    warming, served = world.served.protocols
    assert warming.lost is not None
    peer.transport.write(b"question")
    served.transport.write(b"answer")
    world.reactor.advance(0)
    assert (bytes(served.received), bytes(peer.received)) == (b"question", b"answer")
    peer.transport.loseConnection()
    world.reactor.advance(0)
    served.transport.loseConnection()
    world.reactor.advance(10)
    assert (reaching.counts.sent, reaching.counts.received) == (8, 6)
    world.reactor.resultOf(reaching.stop())


def test_placeIsOurs(world: World) -> None:
    """
    The socket is for its owner alone.
    """
    reaching = world.reach()
    ports: list[Any] = [
        each for each in world.reactor.getReaders() if getattr(each, "path", "") == world.path
    ]
    assert [port.mode for port in ports] == [0o600]
    world.reactor.resultOf(reaching.stop())


def test_closedWhileCold(world: World) -> None:
    """
    There is nothing to connect to before the onion has answered.
    """
    address = world.listen()
    world.network.on("INTRODUCTION", Delay(9), times=1)
    starting = world.begin(address)
    world.reactor.advance(8)
    assert not world.isOpen()
    world.reactor.advance(2)
    assert world.isOpen()
    assert world.told(Warm) == 1
    world.reactor.resultOf(world.reactor.resultOf(starting).stop())


def test_keepsWarm(world: World) -> None:
    """
    The onion is connected to from time to time.
    """
    reaching = world.reach(warm=100)
    before = len(world.served.protocols)
    world.reactor.advance(1000)
    assert 8 <= len(world.served.protocols) - before <= 12
    assert all(each.lost is not None for each in world.served.protocols)
    world.reactor.resultOf(reaching.stop())


def test_neverWarm(world: World) -> None:
    """
    Without warm=, the place is open at once and always, and no connections are made but for others.
    """
    address = OnionAddress(Identity.generate().label, 7777)
    reaching = world.reactor.resultOf(world.begin(address, warm=None, dialTimeout=5))
    assert world.reactor.seconds() == 0
    peer = world.connect()
    world.reactor.advance(10)
    assert peer.lost is not None
    assert world.isOpen()
    assert world.served.protocols == []
    world.reactor.resultOf(reaching.stop())


def test_gone(world: World) -> None:
    """
    When the onion has gone, the place is shut as soon as that shows; when the onion is back, so is
    the place, and tells.
    """
    reaching = world.reach(warm=100)
    world.withdraw()
    world.network.on("SOCKS CONNECT", Refuse(0xF0), times=5)
    world.reactor.advance(130)
    assert not world.isOpen()
    assert (world.told(Warm), world.told(Shut)) == (1, 1)
    world.listen()
    world.reactor.advance(60)
    assert world.isOpen()
    assert (world.told(Warm), world.told(Shut)) == (2, 1)
    world.reactor.resultOf(reaching.stop())


def test_removed(world: World) -> None:
    """
    A place that somebody has removed is made anew, as soon as there is nothing else at its path.
    """
    reaching = world.reach(warm=100)
    Path(world.path).touch()
    world.reactor.advance(130)
    assert (world.told(Warm), world.told(Shut)) == (1, 1)
    assert not world.isOpen()
    Path(world.path).unlink()
    world.reactor.advance(60)
    assert (world.told(Warm), world.told(Shut)) == (2, 1)
    assert world.isOpen()
    world.reactor.resultOf(reaching.stop())


def test_doubt(world: World) -> None:
    """
    A dial that tor has to try again shuts the place at once; it is carried all the same.
    """
    reaching = world.reach()
    world.network.on("SOCKS CONNECT", Refuse(0xF2), times=1)
    peer = world.connect()
    world.reactor.advance(10)
    assert [type(event) for event in world.events if isinstance(event, Shut | Warm)] == [
        Warm,
        Shut,
        Warm,
    ]
    assert peer.lost is None
    assert world.isOpen()
    peer.transport.abortConnection()
    world.reactor.resultOf(reaching.stop())


def test_slow(world: World) -> None:
    """
    A dial that takes longer than libp2p's peers wait shuts the place, until it is known better.
    """
    reaching = world.reach()
    world.network.on("SOCKS CONNECT", Delay(20), times=1)
    peer = world.connect()
    world.reactor.advance(SECONDS_TO_ANSWER - 0.1)
    assert world.told(Shut) == 0
    world.reactor.advance(0.2)
    assert world.told(Shut) == 1
    world.reactor.advance(20)
    assert peer.lost is None
    assert world.isOpen()
    peer.transport.abortConnection()
    world.reactor.resultOf(reaching.stop())


def test_burst(world: World) -> None:
    """
    Twelve that come at once are all carried.
    """
    reaching = world.reach()
    factory = RecordingFactory()
    for _ in range(12):
        UNIXClientEndpoint(world.reactor, world.path).connect(factory)
    world.reactor.advance(0)
    for peer in factory.protocols:
        peer.transport.write(b"x")
    world.reactor.advance(1)
    assert [bytes(each.received) for each in world.served.protocols[1:]] == [b"x"] * 12
    for peer in factory.protocols:
        peer.transport.abortConnection()
    world.reactor.resultOf(reaching.stop())


def test_lastWords(world: World) -> None:
    """
    What the onion said last arrives, though it closes while it is still spoken to.
    """
    reaching = world.reach()
    peer = world.connect()
    served = world.served.protocols[-1]
    served.transport.write(b"last words")
    served.transport.loseConnection()
    peer.transport.pauseProducing()
    peer.transport.write(b"x" * 1_000_000)
    world.reactor.advance(1)
    peer.transport.resumeProducing()
    world.reactor.advance(1)
    assert bytes(peer.received) == b"last words"
    assert peer.lost is not None
    world.reactor.advance(10)
    world.reactor.resultOf(reaching.stop())


@implementer(IHalfCloseableProtocol)
class Stubborn(Protocol):
    """
    Does not close when the other side has.
    """

    isLost = False

    def readConnectionLost(self) -> None:
        pass

    def writeConnectionLost(self) -> None:
        pass

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.isLost = True


def test_lingersForAWhile(world: World) -> None:
    """
    Who does not close when the onion has is closed after 5 s.
    """
    reaching = world.reach()
    peer = Stubborn()
    endpoint = UNIXClientEndpoint(world.reactor, world.path)
    world.reactor.resultOf(connectProtocol(endpoint, peer))
    world.reactor.advance(0)
    world.served.protocols[-1].transport.loseConnection()
    world.reactor.advance(4.9)
    assert reaching.open == 1
    world.reactor.advance(0.2)
    assert reaching.open == 0
    assert peer.transport is not None
    peer.transport.loseConnection()
    world.reactor.advance(0)
    assert peer.isLost
    world.reactor.resultOf(reaching.stop())


def test_stoppedWhileLingering(world: World) -> None:
    """
    Stopped then, it waits for that no longer than for others.
    """
    reaching = world.reach()
    peer = Stubborn()
    endpoint = UNIXClientEndpoint(world.reactor, world.path)
    world.reactor.resultOf(connectProtocol(endpoint, peer))
    world.reactor.advance(0)
    world.served.protocols[-1].transport.loseConnection()
    world.reactor.advance(1)
    before = world.reactor.seconds()
    world.reactor.resultOf(reaching.stop())
    assert 1.9 < world.reactor.seconds() - before < 2.1
    assert peer.transport is not None
    peer.transport.loseConnection()
    world.reactor.advance(0)


def test_closedWhileFull(world: World) -> None:
    """
    One who was kept waiting, since the onion did not read, is done with as soon as it closes.
    """
    reaching = world.reach()
    peer = world.connect()
    served = world.served.protocols[-1]
    served.transport.pauseProducing()
    peer.transport.write(b"x" * 10_000_000)
    world.reactor.advance(1)
    served.transport.loseConnection()
    world.reactor.advance(1)
    assert peer.lost is not None
    assert reaching.open == 0
    world.reactor.resultOf(reaching.stop())


def test_silence(world: World) -> None:
    """
    Who says no more hears the onion for as long as it speaks, and then for 10 s.
    """
    reaching = world.reach()
    peer = world.connect()
    served = world.served.protocols[-1]
    peer.transport.loseWriteConnection()
    for _ in range(5):
        world.reactor.advance(9)
        served.transport.write(b"x")
    world.reactor.advance(9)
    assert "connectionLost" not in served.steps
    assert bytes(peer.received) == b"xxxxx"
    world.reactor.advance(2)
    assert "connectionLost" in served.steps
    assert "connectionLost" in peer.steps
    world.reactor.resultOf(reaching.stop())


def test_notInTime(world: World) -> None:
    """
    An onion that does not answer in time fails the whole, with the reason; nothing is left.
    """
    address = OnionAddress(Identity.generate().label, 7777)
    with pytest.raises(DialTimeout, match="50 s were not enough; the last attempt: ") as caught:
        world.reactor.resultOf(world.begin(address, timeout=50))
    assert address.label not in str(caught.value)
    assert world.reactor.seconds() == 50
    assert not world.isOpen()


@pytest.mark.parametrize("dialTimeout", [10, 1000])
def test_notInTimeWhileDialing(world: World, dialTimeout: float) -> None:
    """
    The same holds when its dial is still under way.
    """
    address = world.listen()
    world.network.on("SOCKS CONNECT", Ignore())
    with pytest.raises(DialTimeout, match="50 s were not enough"):
        world.reactor.resultOf(world.begin(address, timeout=50, dialTimeout=dialTimeout))


def test_hopeless(world: World) -> None:
    """
    What waiting will not mend fails at once.
    """
    address = world.listen()
    wrong = OnionAddress(address.label, 7778)
    with pytest.raises(ConnectionRefused):
        world.reactor.resultOf(world.begin(wrong))
    assert world.reactor.seconds() < 1


def test_hopelessLater(world: World) -> None:
    """
    Once it has answered, it is waited for whatever happens.
    """
    reaching = world.reach(warm=10)
    world.network.on("SOCKS CONNECT", Refuse(5), times=4)
    world.reactor.advance(14)
    assert not world.isOpen()
    world.reactor.advance(100)
    assert world.isOpen()
    world.reactor.resultOf(reaching.stop())


@pytest.mark.parametrize("seconds", [0, 5, 20])
def test_cancelled(world: World, seconds: float) -> None:
    """
    Cancelled, it leaves nothing behind.
    """
    address = OnionAddress(Identity.generate().label, 7777)
    starting = world.begin(address)
    world.reactor.advance(seconds)
    starting.cancel()
    with pytest.raises((CancelledError, ConnectingCancelledError)):
        world.reactor.resultOf(starting)


def test_stoppedByWhoIsTold(world: World) -> None:
    """
    Who is told that the place is open again may stop it in that very moment, and for good.
    """
    stopping: list[Deferred[None]] = []

    def follow(event: Event) -> None:
        world.events.append(event)
        if world.told(Warm) == 2 and isinstance(event, Warm):
            stopping.append(Deferred.fromCoroutine(reaching.stop()))

    reaching = world.reach(observer=follow)
    world.network.on("SOCKS CONNECT", Refuse(0xF2), times=1)
    peer = world.connect()
    world.reactor.advance(10)
    world.reactor.resultOf(stopping[0])
    came = len(world.served.protocols)
    world.reactor.advance(7200)
    assert not world.isOpen()
    assert len(world.served.protocols) == came  # nobody keeps the circuit warm
    assert peer.lost is not None


def test_placeTaken(world: World) -> None:
    """
    A place that another program has is refused at once, before tor is launched.
    """
    port = world.reactor.listenUNIX(world.path, RecordingFactory())
    Path(world.path).touch()
    with pytest.raises(PlaceTaken):
        world.reactor.resultOf(world.begin(OnionAddress(Identity.generate().label, 7777)))
    assert world.network.tors == []
    port.stopListening()


@pytest.mark.allow_loopback
def test_portGivenBack(world: World) -> None:
    """
    A port that was held is given back when the onion can't be reached.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = OnionAddress(Identity.generate().label, 7777)
    with pytest.raises(DialTimeout):
        world.reactor.resultOf(world.begin(address, at=f"tcp:127.0.0.1:{port}", timeout=5))
    with socket.socket() as ours:
        ours.bind(("127.0.0.1", port))


def test_stopped(world: World) -> None:
    """
    Stopped while the onion is away, or while there are connections, it ends in good order.
    """
    reaching = world.reach(warm=10)
    peer = world.connect()
    peer.transport.write(b"question")
    world.reactor.advance(0)
    world.reactor.resultOf(reaching.stop())
    assert not world.isOpen()
    assert peer.lost is not None
    assert bytes(world.served.protocols[-1].received) == b"question"


@pytest.mark.parametrize("seconds", [0, 1, 10, 100])
def test_stoppedWhileCold(world: World, seconds: float) -> None:
    """
    Stopped while it waits for the onion, it ends at once.
    """
    reaching = world.reach(warm=10)
    world.withdraw()
    world.reactor.advance(13 + seconds)
    world.reactor.resultOf(reaching.stop(), 0)
