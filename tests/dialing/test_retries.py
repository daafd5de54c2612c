# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
When a dial is tried again, and by which circuit.
"""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import IProtocol
from twisted.logger import capturedLogs

from onionp2p import DialOptions, ListenOptions, OnionAddress, OnionClientEndpoint
from onionp2p.endpoints import OnionServerEndpoint
from onionp2p.errors import (
    CircuitSilent,
    ConnectionRefused,
    DescriptorNotFound,
    DialTimeout,
    IntroductionFailed,
    UnreachableTarget,
)
from onionp2p.events import Event, Retrying
from onionp2p.keys import Identity
from onionp2p.testing import FakeNetwork, MemoryReactor, RecordingFactory, RecordingProtocol
from onionp2p.testing.faketor import Delay, Ignore, Refuse

NOBODY = OnionAddress(Identity(bytes(32)).label, 7777)
"""An onion that is never served."""


def listen(reactor: MemoryReactor) -> OnionAddress:
    """
    Serve an onion that is published, and give its address.
    """
    endpoint = OnionServerEndpoint(reactor, ListenOptions(7777))
    address = reactor.resultOf(endpoint.listen(RecordingFactory())).getHost()
    assert isinstance(address, OnionAddress)
    return address


def dial(
    reactor: MemoryReactor, address: OnionAddress, timeout: float = 120
) -> Deferred[IProtocol]:
    """
    Begin to dial, with an endpoint of its own.
    """
    endpoint = OnionClientEndpoint(reactor, DialOptions(address, timeout=timeout))
    return endpoint.connect(RecordingFactory())


def tokens(network: FakeNetwork) -> list[bytes]:
    """
    Give the tokens of all dials so far.
    """
    return [record.token for record in network.dials]


@pytest.mark.parametrize("code", [0x01, 0x06, 0xF2, 0xF3, 0xF7])
def test_freshCircuit(memory_reactor: MemoryReactor, fake_network: FakeNetwork, code: int) -> None:
    """
    What another circuit may mend is tried by another one, with which the endpoint's later dials go
    on; others' are not touched.
    """
    address = listen(memory_reactor)
    endpoint, other = (OnionClientEndpoint(memory_reactor, DialOptions(address)) for _ in "12")
    for each in (endpoint, other):
        memory_reactor.resultOf(each.connect(RecordingFactory()))
    fake_network.on("SOCKS CONNECT", Refuse(code), times=1)
    for each in (endpoint, endpoint, other):
        memory_reactor.resultOf(each.connect(RecordingFactory()))
    first, others, failed, again, later, others2 = tokens(fake_network)
    assert first == failed != again == later
    assert others == others2


def test_sameCircuit(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    An onion that nobody finds is not found by other circuits either: they are not changed.
    """
    address = listen(memory_reactor)
    fake_network.on("SOCKS CONNECT", Refuse(0xF0), times=3)
    memory_reactor.resultOf(dial(memory_reactor, address))
    assert len(tokens(fake_network)) == 4
    assert len(set(tokens(fake_network))) == 1


def test_oneFreshCircuitForAll(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Dials that fail together on one circuit go on together on the next.
    """
    address = listen(memory_reactor)
    fake_network.on("SOCKS CONNECT", Refuse(0xF3), times=5)
    endpoint = OnionClientEndpoint(memory_reactor, DialOptions(address))
    dials = [endpoint.connect(RecordingFactory()) for _ in range(5)]
    for each in dials:
        memory_reactor.resultOf(each)
    assert len(set(tokens(fake_network)[:5])) == 1
    assert len(set(tokens(fake_network)[5:])) == 1
    assert tokens(fake_network)[0] != tokens(fake_network)[5]


def test_deadTarget(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A program that is not running, or a circuit that broke, which tor does not tell apart, is tried
    three times.
    """
    fake_network.on("SOCKS CONNECT", Refuse(0x01))
    with pytest.raises(UnreachableTarget) as caught:
        memory_reactor.resultOf(dial(memory_reactor, NOBODY))
    assert len(set(tokens(fake_network))) == 3
    assert memory_reactor.seconds() < 1
    assert caught.value.phase == "waiting for tor's reply"


def test_vanishedPeer(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A circuit that is silent for 20 s is kept, and another one built beside it, which all later
    dials of the endpoint take.
    """
    address = listen(memory_reactor)
    endpoint = OnionClientEndpoint(memory_reactor, DialOptions(address))
    memory_reactor.resultOf(endpoint.connect(RecordingFactory()))
    begun = memory_reactor.seconds()
    fake_network.on("SOCKS CONNECT", Ignore(), times=1)
    seen: list[Event] = []
    endpoint._observer = seen.append
    memory_reactor.resultOf(endpoint.connect(RecordingFactory()))
    assert 20 <= memory_reactor.seconds() - begun < 21
    first, silent, fresh = tokens(fake_network)
    assert first == silent != fresh
    assert [type(event.error) for event in seen if isinstance(event, Retrying)] == [CircuitSilent]


def test_proofOfWorkTakesItsTime(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A dial by a fresh circuit has all the time that its user gave it, minutes included.
    """
    address = listen(memory_reactor)
    fake_network.on("SOCKS CONNECT", Delay(290), times=1)
    fake_network.on("SOCKS CONNECT", Ignore())
    server = memory_reactor.resultOf(dial(memory_reactor, address, timeout=300), seconds=300)
    assert memory_reactor.seconds() == 290
    assert isinstance(server, RecordingProtocol)
    memory_reactor.advance(100)
    assert server.lost is None
    # One beside it at a time, each with more patience than the last.
    assert len(fake_network.dials) == 4


def test_theFirstToAnswer(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Whichever circuit answers first is taken, one protocol is built, and the others are closed.
    """
    address = listen(memory_reactor)
    fake_network.on("SOCKS CONNECT", Delay(30), times=1)
    fake_network.on("SOCKS CONNECT", Delay(15), times=1)
    endpoint, factory = (
        OnionClientEndpoint(memory_reactor, DialOptions(address)),
        RecordingFactory(),
    )
    memory_reactor.resultOf(endpoint.connect(factory))
    assert memory_reactor.seconds() == 30
    memory_reactor.advance(300)
    (protocol,) = factory.protocols
    assert protocol.lost is None
    assert len(fake_network.dials) == 2


def test_refusedBeside(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    What a circuit beside the silent one finds out for good is the dial's error.
    """
    fake_network.on("SOCKS CONNECT", Ignore(), times=1)
    fake_network.on("SOCKS CONNECT", Refuse(0xF2), times=1)
    fake_network.on("SOCKS CONNECT", Refuse(0x05))
    with pytest.raises(ConnectionRefused):
        memory_reactor.resultOf(dial(memory_reactor, NOBODY))
    assert len(set(tokens(fake_network))) == 3


def test_manyAreSilent(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    However many dials hang at once, all are asked by other circuits.
    """
    address = listen(memory_reactor)
    fake_network.on("SOCKS CONNECT", Ignore(), times=12)
    dials = [dial(memory_reactor, address) for _ in range(40)]
    for each in dials:
        memory_reactor.resultOf(each)
    assert memory_reactor.seconds() < 30


def test_brokenFactoryBeside(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    What building the protocol raises is what connect() fails with, by whatever circuit.
    """

    class Broken(RecordingFactory):
        def buildProtocol(self, addr: object) -> RecordingProtocol:
            raise ZeroDivisionError

    address = listen(memory_reactor)
    fake_network.on("SOCKS CONNECT", Ignore(), times=1)
    endpoint = OnionClientEndpoint(memory_reactor, DialOptions(address))
    with pytest.raises(ZeroDivisionError):
        memory_reactor.resultOf(endpoint.connect(Broken()))


@pytest.mark.parametrize("seconds", [19, 21, 50, 90])
def test_cancelledBeside(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, seconds: float
) -> None:
    """
    A dial that is cancelled while several circuits are silent leaves none of them.
    """
    fake_network.on("SOCKS CONNECT", Ignore())
    factory = RecordingFactory()
    endpoint = OnionClientEndpoint(memory_reactor, DialOptions(NOBODY))
    connecting = endpoint.connect(factory)
    memory_reactor.advance(seconds)
    connecting.cancel()
    with pytest.raises(ConnectingCancelledError):
        memory_reactor.resultOf(connecting, seconds=0)
    made = len(fake_network.dials)
    memory_reactor.advance(200)
    assert (len(fake_network.dials), factory.protocols) == (made, [])


@pytest.mark.parametrize("fault", [Refuse(0xF2), Ignore()], ids=["refused", "silent"])
@pytest.mark.parametrize("attempts", [1, 2])
def test_cancelledByWhoIsTold(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, fault: Refuse | Ignore, attempts: int
) -> None:
    """
    Who is told of one more attempt may give the dial up at once: there are no more of them.
    """

    def giveUp(event: Event) -> None:
        if isinstance(event, Retrying) and event.attempts == attempts:
            connecting.cancel()

    fake_network.on("SOCKS CONNECT", fault)
    factory = RecordingFactory()
    connecting = OnionClientEndpoint(memory_reactor, DialOptions(NOBODY), giveUp).connect(factory)
    with pytest.raises(ConnectingCancelledError):
        memory_reactor.resultOf(connecting, seconds=70)
    made = len(fake_network.dials)
    memory_reactor.advance(200)
    assert (len(fake_network.dials), factory.protocols) == (made, [])
    assert factory.starts == factory.stops


def test_events(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Each new attempt is told to who observes, with its number, why and when; and to the log.
    """
    fake_network.on("SOCKS CONNECT", Refuse(0xF0), times=1)
    fake_network.on("SOCKS CONNECT", Refuse(0xF2))
    seen: list[Event] = []
    endpoint = OnionClientEndpoint(memory_reactor, DialOptions(NOBODY, timeout=1), seen.append)
    with capturedLogs() as logged, pytest.raises(DialTimeout):
        memory_reactor.resultOf(endpoint.connect(RecordingFactory()))
    retries = [event for event in seen if isinstance(event, Retrying)]
    assert [retry.attempts for retry in retries] == list(range(1, len(retries) + 1))
    assert [type(retry.error) for retry in retries[:2]] == [DescriptorNotFound, IntroductionFailed]
    assert 0.2 <= retries[0].pause <= 0.3 <= retries[1].pause <= 0.45
    assert NOBODY.shortened in str(retries[0])
    assert NOBODY.label not in str(retries[0])
    told = [event["onionp2p"] for event in logged if "onionp2p" in event]
    assert [event for event in told if isinstance(event, Retrying)] == retries


def test_brokenObserver(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, loggedErrors: list[object]
) -> None:
    """
    An observer that fails is logged, and the dial goes on.
    """
    address = listen(memory_reactor)
    fake_network.on("SOCKS CONNECT", Refuse(0xF0), times=1)

    def fail(event: Event) -> None:
        raise ZeroDivisionError

    endpoint = OnionClientEndpoint(memory_reactor, DialOptions(address), fail)
    memory_reactor.resultOf(endpoint.connect(RecordingFactory()))
    assert loggedErrors
    loggedErrors.clear()


def test_noRetryAfterTheEnd(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A dial that is over makes no more attempts, and holds no place in tor's queue.
    """
    fake_network.on("SOCKS CONNECT", Refuse(0xF0))
    with pytest.raises(DialTimeout):
        memory_reactor.resultOf(dial(memory_reactor, NOBODY, timeout=3))
    made = len(fake_network.dials)
    memory_reactor.advance(50)
    assert len(fake_network.dials) == made


def test_manyWait(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Of many dials tor has sixteen to do at a time, and the others wait within their deadlines: the
    error says that it was their turn they waited for.
    """
    fake_network.on("SOCKS CONNECT", Ignore())
    several = [OnionAddress(Identity(bytes([n] * 32)).label, 1) for n in range(30)]
    dials = [dial(memory_reactor, address, timeout=9) for address in several]
    memory_reactor.advance(5)
    assert len(fake_network.dials) == 16
    dials.append(dial(memory_reactor, NOBODY, timeout=2))
    with pytest.raises(DialTimeout, match="waiting for its turn"):
        memory_reactor.resultOf(dials.pop())
    for each in dials:
        with pytest.raises(DialTimeout):
            memory_reactor.resultOf(each)
    assert len(fake_network.dials) == 16


@pytest.mark.parametrize(("isolate", "asked"), [(None, 60), ("dial", 12)])
def test_warm(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, isolate: str | None, asked: int
) -> None:
    """
    Where a dial came through, many that share its circuit go on at once; those that need circuits
    of their own do not.  When the circuit breaks, all come through by another.
    """
    address = listen(memory_reactor)
    endpoint = OnionClientEndpoint(memory_reactor, DialOptions(address, isolate=isolate))
    memory_reactor.resultOf(endpoint.connect(RecordingFactory()))
    fake_network.on("SOCKS CONNECT", Delay(1), Refuse(0xF2), times=60)
    dials = [endpoint.connect(RecordingFactory()) for _ in range(60)]
    memory_reactor.advance(0.5)
    assert len(fake_network.dials) == 1 + asked
    for each in dials:
        memory_reactor.resultOf(each)


def test_pausesHoldNoPlace(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Sixteen onions that are offline don't keep a seventeenth, which is not, waiting.
    """
    address = listen(memory_reactor)
    offline = [OnionAddress(Identity(bytes([n] * 32)).label, 1) for n in range(40)]
    dials = [dial(memory_reactor, each, timeout=60) for each in offline]
    memory_reactor.advance(20)
    begun = memory_reactor.seconds()
    memory_reactor.resultOf(dial(memory_reactor, address))
    assert memory_reactor.seconds() - begun < 1
    for each in dials:
        with pytest.raises(DialTimeout):
            memory_reactor.resultOf(each)
