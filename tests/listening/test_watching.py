# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Whether strangers can reach a listener, what is told of that, and what is done about it.
"""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort

from onionp2p import (
    DialOptions,
    ListenOptions,
    OnionAddress,
    OnionClientEndpoint,
    OnionServerEndpoint,
    Wait,
)
from onionp2p.errors import ListenTimeout
from onionp2p.events import (
    Cause,
    Event,
    Progress,
    Published,
    Reachable,
    Repairing,
    Starting,
    Stopped,
    Unreachable,
)
from onionp2p.options import Admission, parseListen
from onionp2p.testing import FakeNetwork, MemoryReactor, RecordingFactory
from onionp2p.testing.faketor import Delay, Fail, Ignore, Refuse, Stall


class Listener:
    """
    A listener, and what was told of it.
    """

    def __init__(self, reactor: MemoryReactor, **options: Any) -> None:
        self.factory = RecordingFactory()
        self.told: list[Event] = []
        endpoint = OnionServerEndpoint(reactor, ListenOptions(7777, **options), self._note)
        self.port: IListeningPort = reactor.resultOf(endpoint.listen(self.factory))

    def _note(self, event: Event) -> None:
        if not isinstance(event, Progress):
            self.told.append(event)

    @property
    def kinds(self) -> list[type[Event]]:
        """
        What was told, by kind.
        """
        return [type(event) for event in self.told]

    @property
    def causes(self) -> list[Cause]:
        """
        Why it could not be reached, each time.
        """
        return [event.cause for event in self.told if isinstance(event, Unreachable)]


@pytest.fixture
def listen(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> Callable[..., Listener]:
    """
    Begin to listen.
    """
    return lambda **options: Listener(memory_reactor, **options)


Listen = Callable[..., Listener]


def _address(listener: Listener) -> OnionAddress:
    address = listener.port.getHost()
    assert isinstance(address, OnionAddress)
    return address


def test_reachable(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, listen: Listen
) -> None:
    """
    With wait=reachable, listen() fires when a dial of our own has come through, which no protocol
    of the application is built for.
    """
    listener = listen(wait=Wait.REACHABLE)
    assert listener.kinds == [Starting, Published, Reachable]
    assert listener.factory.addresses == []
    (probe,) = fake_network.dials
    assert probe.port != 7777


def test_notReachable(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, listen: Listen
) -> None:
    """
    Where none comes through, listen() fails when its time is up, and the onion is withdrawn.
    """
    fake_network.on("INTRODUCTION", Refuse(0xF2))
    with pytest.raises(ListenTimeout, match="reaching the onion ourselves"):
        listen(wait=Wait.REACHABLE, timeout=100)
    assert fake_network.tors[0].onions.services == {}


def test_looksAgain(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, listen: Listen
) -> None:
    """
    It is looked after about every ten minutes, at no fixed moment.
    """
    listener = listen()
    memory_reactor.advance(6000)
    assert 8 <= listener.kinds.count(Reachable) <= 13
    assert listener.causes == []


def test_never(memory_reactor: MemoryReactor, fake_network: FakeNetwork, listen: Listen) -> None:
    """
    With watch=no nobody looks.
    """
    listener = listen(watch=None)
    memory_reactor.advance(6000)
    assert listener.kinds == [Starting, Published]
    assert fake_network.dials == []


@pytest.mark.parametrize(
    ("moment", "fault", "cause"),
    [
        ("FETCH", Ignore(), Cause.NO_DESCRIPTOR),
        ("SOCKS CONNECT", Refuse(0xF0), Cause.NO_DESCRIPTOR),
        ("SOCKS CONNECT", Refuse(0xF2), Cause.NO_INTRODUCTION),
        ("SOCKS CONNECT", Refuse(0xF3), Cause.NO_INTRODUCTION),
        ("SOCKS CONNECT", Refuse(0xF7), Cause.NO_INTRODUCTION),
        ("SOCKS CONNECT", Ignore(), Cause.NO_INTRODUCTION),
        ("SOCKS CONNECT", Refuse(0xF1), Cause.OTHER),
        ("HSFETCH", Refuse(551), Cause.OTHER),
        ("GETINFO network-liveness", Ignore(), Cause.TOR_SILENT),
    ],
)
def test_causes(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    moment: str,
    fault: Refuse | Ignore,
    cause: Cause,
) -> None:
    """
    Why it can't be reached is told apart; when it can again, that is told too.
    """
    listener = Listener(memory_reactor, watch=60.0)
    rule = fake_network.on(moment, fault)
    while len(listener.causes) < 2:
        memory_reactor.advance(10)
        assert memory_reactor.seconds() < 1000
    assert listener.causes[0] is cause
    assert set(listener.causes) <= {cause, Cause.TOR_DOWN}
    rule.cancel()
    memory_reactor.advance(200)
    assert listener.kinds[-1] is Reachable


def test_repairs(memory_reactor: MemoryReactor, fake_network: FakeNetwork, listen: Listen) -> None:
    """
    The first time may have been the probe's own circuit; then the onion is published anew, twice,
    and at last tor is started anew.  The address and the port stay.
    """
    listener = listen(watch=60.0)
    address = listener.port.getHost()
    rule = fake_network.on("SOCKS CONNECT", Refuse(0xF2))
    memory_reactor.advance(700)
    rule.cancel()
    steps = [event.step for event in listener.told if isinstance(event, Repairing)]
    assert steps[:3] == ["publishing it anew", "publishing it anew", "restarting tor"]
    assert [tor.alive for tor in fake_network.tors][:1] == [False]
    memory_reactor.advance(200)
    assert listener.kinds[-1] is Reachable
    assert listener.port.getHost() == address


@pytest.mark.deadline(10)
def test_restartsAreRare(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, listen: Listen
) -> None:
    """
    Who keeps us from our own onion for hours has tor started anew once: each start draws new
    guards, and he may be waiting among them.
    """
    listener = listen(watch=600.0)
    fake_network.on("SOCKS CONNECT", Refuse(0xF2))
    memory_reactor.advance(2 * 3600)
    steps = [event.step for event in listener.told if isinstance(event, Repairing)]
    assert steps.count("restarting tor") == 1
    assert steps.count("publishing it anew") > 3
    assert len(fake_network.tors) == 2


def test_republishing(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, listen: Listen
) -> None:
    """
    A descriptor that its directories have lost is published again.
    """
    listener = listen(watch=60.0)
    label = listener.port.getHost().label  # type: ignore[attr-defined]
    fake_network.loseDescriptor(label)
    memory_reactor.advance(400)
    assert listener.causes[:2] == [Cause.NO_DESCRIPTOR] * 2
    assert listener.kinds[-1] is Reachable
    assert len(fake_network.tors) == 1


@pytest.mark.parametrize("watch", [600.0, None])
@pytest.mark.parametrize(
    ("moment", "fault", "detail"),
    [
        ("PUBLISH", Ignore(), "tor has begun no upload of its descriptor"),
        ("UPLOAD", Ignore(), "tor uploads its descriptor, and no directory has answered"),
        ("UPLOAD", Fail(), "no directory has taken its descriptor"),
    ],
)
def test_neverPublished(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    *,
    moment: str,
    fault: Ignore | Fail,
    detail: str,
    watch: float | None,
) -> None:
    """
    An onion that tor does not bring to the directories within two minutes is told to be
    unreachable, with how far that got, and is mended as one that can't be reached, also with
    watch=no; nobody waits without end.
    """
    rule = fake_network.on(moment, fault)
    listener = Listener(memory_reactor, wait=Wait.ADDRESS, watch=watch)
    memory_reactor.advance(110)
    assert listener.kinds == [Starting]
    memory_reactor.advance(1100)
    steps = [event.step for event in listener.told if isinstance(event, Repairing)]
    assert steps[:3] == ["publishing it anew", "publishing it anew", "restarting tor"]
    first = listener.told[1]
    assert isinstance(first, Unreachable)
    assert (first.cause, first.detail) == (Cause.NO_DESCRIPTOR, detail)
    assert Published not in listener.kinds
    assert [tor.alive for tor in fake_network.tors] == [False, True]
    rule.cancel()
    memory_reactor.advance(1500)
    assert listener.kinds.count(Published) == 1
    assert listener.kinds[-1] is (Published if watch is None else Reachable)


def test_uploadForgotten(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, listen: Listen
) -> None:
    """
    Where tor has forgotten to upload once, listen() does not fail for it: it is published anew
    before its time is up.
    """
    fake_network.on("PUBLISH", Ignore(), times=1)
    listener = listen()
    assert 120 < memory_reactor.seconds() < 300
    assert listener.kinds == [Starting, Unreachable, Unreachable, Repairing, Published]


def test_notPublishedWhileTheNetworkIsDown(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, listen: Listen
) -> None:
    """
    What is not published since tor has no network, before its bootstrap or after, is told so, ever
    more rarely, and nothing is repaired.  Once there is a network it is published at once.
    """
    rule = fake_network.on("BOOTSTRAP 75", Stall("No route to host"))
    listener = listen(wait=Wait.ADDRESS)
    memory_reactor.advance(30)
    fake_network.tors[0].die()
    memory_reactor.advance(1000)
    assert listener.causes[0] is Cause.TOR_DOWN
    assert set(listener.causes[1:]) == {Cause.NOT_BOOTSTRAPPED}
    rule.cancel()
    fake_network.on("PUBLISH", Delay(10), times=1)
    fake_network.tors[1].die()
    memory_reactor.advance(5)
    fake_network.goDown()
    memory_reactor.advance(2000)
    assert set(listener.causes[-3:]) == {Cause.NETWORK_DOWN}
    assert len(listener.causes) < 25
    assert Repairing not in listener.kinds
    fake_network.comeBack()
    memory_reactor.advance(1)
    assert listener.kinds[-1] is Published


def test_networkDown(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, listen: Listen
) -> None:
    """
    While tor says that the network is down, nothing is repaired: that could only make it worse.
    Nor is it at the first failure after that, which is the first of its kind.
    """
    listener = listen(watch=60.0)
    fake_network.goDown()
    while listener.causes.count(Cause.NETWORK_DOWN) < 5:
        memory_reactor.advance(10)
        assert memory_reactor.seconds() < 2000
    assert Repairing not in listener.kinds
    rule = fake_network.on("SOCKS CONNECT", Refuse(0xF2))
    fake_network.comeBack()
    while Cause.NO_INTRODUCTION not in listener.causes:
        memory_reactor.advance(10)
        assert memory_reactor.seconds() < 3000
    rule.cancel()
    assert Repairing not in listener.kinds
    memory_reactor.advance(200)
    assert listener.kinds[-1] is Reachable
    assert len(fake_network.tors) == 1


def test_torDies(memory_reactor: MemoryReactor, fake_network: FakeNetwork, listen: Listen) -> None:
    """
    When tor ends, that is told at once; when the next one has published, that is told, and it is
    looked at without delay.
    """
    listener = listen(watch=600.0)
    for _ in range(3):
        fake_network.tors[-1].die()
        memory_reactor.advance(30)
    round_ = [Unreachable, Published, Reachable]
    assert listener.kinds == [Starting, Published, *round_ * 3]
    assert set(listener.causes) == {Cause.TOR_DOWN}


def test_refusedRepublishing(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, listen: Listen
) -> None:
    """
    A repair that tor refuses ends nothing: it goes on looking.
    """
    listener = listen(watch=60.0)
    rule = fake_network.on("FETCH", Fail())
    fake_network.on("ADD_ONION", Refuse(551), times=1)
    memory_reactor.advance(300)
    assert Repairing in listener.kinds
    rule.cancel()
    memory_reactor.advance(300)
    assert listener.kinds[-1] is Reachable


def test_stops(memory_reactor: MemoryReactor, fake_network: FakeNetwork, listen: Listen) -> None:
    """
    A listener that has stopped is looked after no more, whatever was under way.
    """
    for fault in ("SOCKS CONNECT", "FETCH", "GETINFO network-liveness", ""):
        listener = listen(watch=10.0)
        if fault:
            fake_network.on(fault, Ignore(), times=1)
        memory_reactor.advance(13)
        memory_reactor.resultOf(listener.port.stopListening())  # type: ignore[arg-type]
        told = len(listener.told)
        assert listener.kinds[-1] is Stopped
        memory_reactor.advance(50)
        assert len(listener.told) == told


@pytest.mark.parametrize("watch", [600.0, None])
def test_lostSocket(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    listen: Listen,
    watch: float | None,
) -> None:
    """
    Within seconds it is seen, and told, that another file is where our socket was, also with
    watch=no; when that is gone, we are there again, and that is told.
    """
    listener = listen(watch=watch)
    (target,) = next(iter(fake_network.tors[0].onions.services.values())).targets.values()
    path = Path(target.removeprefix("unix:"))
    path.touch()
    memory_reactor.advance(100)
    assert listener.kinds[2:5] == [Unreachable, Repairing, Unreachable]
    assert set(listener.causes) == {Cause.TARGET_DEAD}
    assert "is no socket: it was left as it is" in listener.told[-1].detail  # type: ignore[attr-defined]
    assert 4 <= listener.causes.count(Cause.TARGET_DEAD) <= 9
    assert listener.factory.starts == 1
    path.unlink()
    memory_reactor.advance(100)
    assert listener.kinds[-1] is (Published if watch is None else Reachable)
    dialer = OnionClientEndpoint(memory_reactor, DialOptions(_address(listener)))
    dialed: Any = memory_reactor.resultOf(dialer.connect(RecordingFactory()))
    assert len(listener.factory.protocols) == 1
    dialed.transport.loseConnection()
    memory_reactor.resultOf(listener.port.stopListening())  # type: ignore[arg-type]
    assert (listener.factory.starts, listener.factory.stops) == (1, 1)


def test_lostSocketWhileTorIsGone(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, listen: Listen
) -> None:
    """
    A socket that is lost while tor is gone is restored before the onion is said to be published.
    """
    listener = listen()
    (target,) = next(iter(fake_network.tors[0].onions.services.values())).targets.values()
    path = Path(target.removeprefix("unix:"))
    fake_network.tors[0].die()
    memory_reactor.advance(0.1)
    path.touch()
    memory_reactor.advance(60)
    assert listener.kinds[-1] is Unreachable
    assert listener.causes[-1] is Cause.TARGET_DEAD
    assert listener.kinds.count(Published) == 1
    path.unlink()
    memory_reactor.advance(75)  # the longest pause between attempts, a minute and a fifth, and more
    assert listener.kinds[-2:] == [Published, Reachable]


def test_lostFolder(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, listen: Listen
) -> None:
    """
    When the whole folder of the sockets is gone, there is one at the same place within a minute,
    and a tor that can be reached again.
    """
    listener = listen()
    (target,) = next(iter(fake_network.tors[0].onions.services.values())).targets.values()
    path = Path(target.removeprefix("unix:"))
    path.touch()  # by which it is seen that it is not our socket
    memory_reactor.advance(15)
    assert listener.causes[0] is Cause.TARGET_DEAD
    shutil.rmtree(path.parent)
    memory_reactor.advance(60)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [tor.alive for tor in fake_network.tors] == [False, True]
    assert listener.kinds[-1] is Reachable
    memory_reactor.resultOf(maybeDeferred(listener.port.stopListening))
    memory_reactor.advance(90)
    assert not path.parent.exists()


def test_lostDoor(memory_reactor: MemoryReactor, fake_network: FakeNetwork, listen: Listen) -> None:
    """
    A tor to which nobody can come any more, for somebody has removed the socket of its SOCKS port,
    is started anew.
    """
    listener = listen(watch=60.0)
    tor = fake_network.tors[0]
    (door,) = (each for each in memory_reactor.sockets.listening if str(each).endswith("/socks"))
    memory_reactor.sockets.listening.pop(door)
    memory_reactor.advance(700)
    assert (tor.alive, len(fake_network.tors)) == (False, 2)
    assert listener.causes[0] is Cause.OTHER
    assert listener.kinds[-1] is Reachable


def test_clients(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, listen: Listen, tmp_path: Path
) -> None:
    """
    An onion that lets in only some, or nobody, is looked after too.
    """
    path = tmp_path / "clients"
    path.touch(mode=0o600)
    listener = listen(wait=Wait.REACHABLE, admission=Admission(clients=str(path)))
    assert listener.kinds == [Starting, Published, Reachable]
    memory_reactor.advance(0)
    label = listener.port.getHost().label  # type: ignore[attr-defined]
    assert fake_network.tors[0].clientKeys.publicKey(label) is None
    memory_reactor.resultOf(listener.port.stopListening())  # type: ignore[arg-type]


def test_circuits(memory_reactor: MemoryReactor, fake_network: FakeNetwork, listen: Listen) -> None:
    """
    So is one whose peers are told apart.
    """
    listener = listen(wait=Wait.REACHABLE, circuits=True)
    assert listener.kinds == [Starting, Published, Reachable]
    assert listener.factory.addresses == []


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"watch": "0"}, "watch= takes seconds"),
        ({"watch": "x"}, "watch= takes seconds"),
        ({"watch": "no", "wait": "reachable"}, "watch= no leaves"),
        ({"watch": "9", "addr": "x"}, "addr="),
    ],
)
def test_badOptions(options: dict[str, str], complaint: str) -> None:
    """
    What makes no sense is refused.
    """
    with pytest.raises(ValueError, match=complaint):
        parseListen(["listen"], {"port": "1", **options})
