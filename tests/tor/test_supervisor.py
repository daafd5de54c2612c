# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A tor that comes back.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.defer import Deferred, maybeDeferred

from onionp2p import DialOptions, ListenOptions, OnionAddress, OnionClientEndpoint, TorOptions
from onionp2p.endpoints import OnionServerEndpoint
from onionp2p.errors import ControlTimeout, TorError, TorRestarted, TorShutDown
from onionp2p.events import Event, TorEnded, observe
from onionp2p.testing import FakeNetwork, MemoryReactor, RecordingFactory
from onionp2p.testing.faketor import Delay, Die, Fail
from onionp2p.tor.pool import TorLease, leaseTor, shutdown
from onionp2p.tor.tor import Tor


@pytest.fixture
def ended() -> Iterator[list[TorEnded]]:
    """
    Every end of a tor that was told.
    """
    seen: list[TorEnded] = []

    def note(event: Event) -> None:
        if isinstance(event, TorEnded):
            seen.append(event)

    forget = observe(note)
    yield seen
    forget()


@pytest.fixture
def lease(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> TorLease:
    """
    The use of a tor.
    """
    return leaseTor(memory_reactor, TorOptions())


def launched(lease: TorLease) -> Deferred[Tor]:
    """
    Wait for a lease's tor.
    """
    return Deferred.fromCoroutine(lease.launched())


def test_pausesGrow(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    lease: TorLease,
    ended: list[TorEnded],
) -> None:
    """
    A tor that dies before it has reached its network is started again after pauses from 1 s to a
    minute, each a fifth more or less.
    """
    fake_network.on("BOOTSTRAP 50", Delay(0.1), Die())
    memory_reactor.advance(900)
    pauses = [event.pause for event in ended]
    expected = [min(1.5**number, 60.0) for number in range(len(pauses))]
    assert len(pauses) > 15
    for pause, ideal in zip(pauses, expected, strict=True):
        assert ideal * 0.8 <= pause <= ideal * 1.2


def test_pausesBeginAnew(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    lease: TorLease,
    ended: list[TorEnded],
) -> None:
    """
    One that had reached its network is back soon, however often it is killed.
    """
    for _ in range(10):
        memory_reactor.resultOf(lease.bootstrapped())
        fake_network.tors[-1].die()
        memory_reactor.advance(0)
    assert len(ended) == 10
    assert all(event.pause <= 1.2 for event in ended)
    memory_reactor.resultOf(lease.bootstrapped())


def test_doesNotStartAtFirst(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, ended: list[TorEnded]
) -> None:
    """
    Where the first tor does not start, its users are told why at once, and no other is started.
    """
    fake_network.on("LAUNCH", Die())
    with pytest.raises(TorError):
        memory_reactor.resultOf(launched(leaseTor(memory_reactor, TorOptions())), seconds=0)
    memory_reactor.advance(100)
    assert (len(fake_network.tors), ended) == (1, [])


def test_doesNotStartLater(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    lease: TorLease,
    ended: list[TorEnded],
) -> None:
    """
    Where a later one does not, it is tried for as long as somebody needs it: programs are updated,
    disks are full for a while.
    """
    memory_reactor.resultOf(lease.launched())
    fake_network.on("LAUNCH", Die(), times=7)
    fake_network.tors[0].die()
    memory_reactor.advance(0)
    memory_reactor.resultOf(lease.launched())
    assert len(fake_network.tors) == 9
    assert len(ended) == 8


def test_frozen(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    lease: TorLease,
    ended: list[TorEnded],
) -> None:
    """
    A tor that has not answered twice, 30 s apart, is ended and replaced, in a minute and a half.
    """
    memory_reactor.resultOf(lease.launched())
    memory_reactor.advance(1000)
    fake_network.tors[0].freeze()
    memory_reactor.advance(59)
    assert ended == []
    memory_reactor.advance(40)
    assert [type(event.why) for event in ended] == [ControlTimeout]
    assert [tor.alive for tor in fake_network.tors] == [False, True]
    assert lease.present is not None


def test_slow(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    lease: TorLease,
    ended: list[TorEnded],
) -> None:
    """
    One that is late now and then is left alone.
    """
    memory_reactor.resultOf(lease.launched())
    for _ in range(5):
        fake_network.tors[0].freeze()
        memory_reactor.advance(40)
        fake_network.tors[0].thaw()
        memory_reactor.advance(100)
    assert ended == []


def test_restart(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    lease: TorLease,
    ended: list[TorEnded],
) -> None:
    """
    Who asks for another tor has one, once.
    """
    memory_reactor.resultOf(lease.launched())
    lease.restart()
    lease.restart()
    memory_reactor.advance(30)
    assert [type(event.why) for event in ended] == [TorRestarted]
    assert [tor.alive for tor in fake_network.tors] == [False, True]


def test_restartsAreRare(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    lease: TorLease,
    ended: list[TorEnded],
) -> None:
    """
    Nobody can have it restarted more than once a day, and so draw new guards at will; one that
    dies by itself is followed as ever.
    """
    for _ in range(3):
        memory_reactor.resultOf(lease.launched())
        lease.restart()
        memory_reactor.advance(3600)
    assert [type(event.why) for event in ended] == [TorRestarted]
    assert not lease.mayRestart
    fake_network.tors[-1].die()
    memory_reactor.advance(86400 - 3 * 3600)
    assert len(fake_network.tors) == 3
    lease.restart()
    memory_reactor.advance(30)
    assert len(fake_network.tors) == 4


@pytest.mark.parametrize("moment", ["PAUSING", "STARTING", "BOOTSTRAPPING"])
def test_shutDownMeanwhile(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, lease: TorLease, moment: str
) -> None:
    """
    While it comes back, it can be ended like any other, and does not come back then.
    """
    memory_reactor.resultOf(lease.launched())
    if moment == "STARTING":
        fake_network.on("LAUNCH", Delay(50))
    if moment == "BOOTSTRAPPING":
        fake_network.on("BOOTSTRAP 50", Delay(50))
    fake_network.tors[0].die()
    memory_reactor.advance(0.1 if moment == "PAUSING" else 5)
    memory_reactor.resultOf(shutdown(memory_reactor), seconds=0)
    memory_reactor.advance(100)
    assert not any(tor.alive for tor in fake_network.tors)
    assert len(fake_network.tors) == (1 if moment == "PAUSING" else 2)
    lease.release()


def test_onionsComeBack(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, ended: list[TorEnded]
) -> None:
    """
    The onions of one that died are served by the next, at the same addresses and ports, and dials
    that were begun in between succeed.
    """
    endpoints = [OnionServerEndpoint(memory_reactor, ListenOptions(port)) for port in (1, 2)]
    factories = [RecordingFactory(greeting=b"%d" % number) for number in range(2)]
    ports = [
        memory_reactor.resultOf(endpoint.listen(factory))
        for endpoint, factory in zip(endpoints, factories, strict=True)
    ]
    for _ in range(5):
        fake_network.tors[-1].die()
        memory_reactor.advance(0)
        for port, factory in zip(ports, factories, strict=True):
            address = port.getHost()
            assert isinstance(address, OnionAddress)
            dialer = OnionClientEndpoint(memory_reactor, DialOptions(address))
            memory_reactor.resultOf(dialer.connect(RecordingFactory()))
            assert factory.protocols[-1].steps == ["connectionMade"]
    assert len(ended) == 5
    for port in ports:
        memory_reactor.resultOf(maybeDeferred(port.stopListening))
    memory_reactor.advance(61)


def test_lostWhileItIsTold(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, ended: list[TorEnded]
) -> None:
    """
    A tor that dies of our ADD_ONION, or before it has published, costs listen() no more than time.
    """
    fake_network.on("ADD_ONION", Die(), times=2)
    fake_network.on("PUBLISH", Die(), times=1)
    fake_network.on("UPLOAD", Fail(), Die(), times=1)
    endpoint = OnionServerEndpoint(memory_reactor, ListenOptions(7777))
    port = memory_reactor.resultOf(endpoint.listen(RecordingFactory()))
    assert len(ended) >= 3
    address = port.getHost()
    assert isinstance(address, OnionAddress)
    dialer = OnionClientEndpoint(memory_reactor, DialOptions(address))
    memory_reactor.resultOf(dialer.connect(RecordingFactory()))


def test_stoppedMeanwhile(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A listener that stops while there is no tor is not served by the next.
    """
    endpoints = [OnionServerEndpoint(memory_reactor, ListenOptions(port)) for port in (1, 2)]
    ports = [memory_reactor.resultOf(each.listen(RecordingFactory())) for each in endpoints]
    fake_network.tors[0].die()
    memory_reactor.advance(0)
    memory_reactor.resultOf(maybeDeferred(ports[0].stopListening), seconds=2)
    memory_reactor.advance(30)
    served = fake_network.tors[1].onions.services
    other = ports[1].getHost()
    assert isinstance(other, OnionAddress)
    assert list(served) == [other.label]


def test_dialsWait(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A dial whose tor dies in the middle is made by the next one.
    """
    endpoint = OnionServerEndpoint(memory_reactor, ListenOptions(7777))
    port = memory_reactor.resultOf(endpoint.listen(RecordingFactory()))
    address = port.getHost()
    assert isinstance(address, OnionAddress)
    for moment in ("SOCKS GREETING", "SOCKS CREDENTIALS", "SOCKS CONNECT", "TARGET"):
        fake_network.on(moment, Die(), times=1)
        dialer = OnionClientEndpoint(memory_reactor, DialOptions(address))
        memory_reactor.resultOf(dialer.connect(RecordingFactory()))
    assert len(fake_network.tors) == 5


def test_nobodyLooked(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, lease: TorLease
) -> None:
    """
    Who asks for the first time after a tor has died and another has come gets that one.
    """
    first = memory_reactor.resultOf(lease.launched())
    fake_network.tors[0].die()
    memory_reactor.advance(30)
    assert memory_reactor.resultOf(lease.launched(), seconds=0) is not first
    assert [tor.alive for tor in fake_network.tors] == [False, True]


def test_askedAfterTheEnd(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, lease: TorLease
) -> None:
    """
    Who asks when there will be no more tors is told so at once, however often.
    """
    memory_reactor.resultOf(lease.launched())
    memory_reactor.resultOf(shutdown(memory_reactor))
    for _ in range(2):
        with pytest.raises(TorShutDown):
            memory_reactor.resultOf(lease.launched(), seconds=0)
    lease.release()


def test_dialAtTheEnd(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    So is a dial that was under way.
    """
    endpoint = OnionServerEndpoint(memory_reactor, ListenOptions(7777))
    address = memory_reactor.resultOf(endpoint.listen(RecordingFactory())).getHost()
    assert isinstance(address, OnionAddress)
    fake_network.on("SOCKS CONNECT", Delay(30))
    dialer = OnionClientEndpoint(memory_reactor, DialOptions(address))
    connecting = dialer.connect(RecordingFactory())
    memory_reactor.advance(1)
    memory_reactor.resultOf(shutdown(memory_reactor))
    with pytest.raises(TorShutDown):
        memory_reactor.resultOf(connecting, seconds=2)
