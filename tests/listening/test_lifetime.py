# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What is told of a listener first and last, however it ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IListeningPort

from onionp2p import ListenOptions, OnionAddress, OnionServerEndpoint
from onionp2p.address import labelFromPublicKey
from onionp2p.errors import ListenTimeout, OnionPortInUse, OnionRefused
from onionp2p.events import Event, Progress, Published, Reachable, Starting, Stopped, observe
from onionp2p.listening.lifetime import Lifetime
from onionp2p.testing import FakeNetwork, MemoryReactor, RecordingFactory
from onionp2p.testing.faketor import Ignore, Refuse
from onionp2p.tor.pool import shutdown

ADDRESS = OnionAddress(labelFromPublicKey(bytes(32)), 7777)

Begin = Callable[..., "Deferred[IListeningPort]"]


@pytest.fixture
def told() -> Iterator[list[Event]]:
    """
    What is told of listeners in this process.
    """
    told: list[Event] = []
    forget = observe(lambda event: None if isinstance(event, Progress) else told.append(event))
    yield told
    forget()


@pytest.fixture(params=["onion", "attached"])
def begin(
    request: pytest.FixtureRequest, memory_reactor: MemoryReactor, fake_network: FakeNetwork
) -> Begin:
    """
    Begin to listen, as an onion of our own or as another tor's.
    """

    def begin(**options: Any) -> Deferred[IListeningPort]:
        if request.param == "attached":
            options |= {"attach": ADDRESS, "target": 8080}
        listening = ListenOptions(7777, **options)
        return OnionServerEndpoint(memory_reactor, listening).listen(RecordingFactory())

    return begin


def test_stopListening(memory_reactor: MemoryReactor, begin: Begin, told: list[Event]) -> None:
    """
    A listener that is stopped has Stopped as its last event, once, when all of it is gone.
    """
    port: Any = memory_reactor.resultOf(begin())
    address = port.getHost()
    assert told[0] == Starting(address)
    stopping = [port.stopListening(), port.stopListening()]
    assert Stopped(address) not in told
    for each in stopping:
        memory_reactor.resultOf(each)
    memory_reactor.resultOf(port.stopListening())
    memory_reactor.advance(1000)
    assert told[-1] == Stopped(address)
    assert told.count(told[-1]) == 1


def test_shutdown(memory_reactor: MemoryReactor, begin: Begin, told: list[Event]) -> None:
    """
    So has one that ends with the reactor; that it is stopped besides, sooner or later, is nothing
    new.
    """
    ports: list[Any] = [memory_reactor.resultOf(begin())]
    address = ports[0].getHost()
    for phase in ("before", "after"):
        memory_reactor.addSystemEventTrigger(phase, "shutdown", ports[0].stopListening)
    memory_reactor.stop()
    memory_reactor.advance(0)
    assert told[-1] == Stopped(address)
    assert told.count(told[-1]) == 1


def test_shutdownAlone(memory_reactor: MemoryReactor, begin: Begin, told: list[Event]) -> None:
    """
    It is told where nobody stops it, too.
    """
    address: Any = memory_reactor.resultOf(begin()).getHost()
    memory_reactor.stop()
    memory_reactor.advance(0)
    assert told[-1] == Stopped(address)
    assert told.count(told[-1]) == 1


def test_cancelled(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, told: list[Event]
) -> None:
    """
    So has one whose listen() is cancelled.
    """
    fake_network.on("UPLOAD", Ignore())
    listening = OnionServerEndpoint(memory_reactor, ListenOptions(7777)).listen(RecordingFactory())
    memory_reactor.advance(30)
    assert [type(event) for event in told] == [Starting]
    listening.cancel()
    with pytest.raises(CancelledError):
        memory_reactor.resultOf(listening)
    assert [type(event) for event in told] == [Starting, Stopped]


def test_failed(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, told: list[Event]
) -> None:
    """
    So has one whose listen() fails.
    """
    fake_network.on("UPLOAD", Ignore())
    endpoint = OnionServerEndpoint(memory_reactor, ListenOptions(7777, timeout=50))
    with pytest.raises(ListenTimeout):
        memory_reactor.resultOf(endpoint.listen(RecordingFactory()))
    assert [type(event) for event in told] == [Starting, Stopped]


def test_noMoreTors(memory_reactor: MemoryReactor, begin: Begin, told: list[Event]) -> None:
    """
    One whose tor is shut down for good has not stopped: its owner stops it.
    """
    port: Any = memory_reactor.resultOf(begin())
    memory_reactor.resultOf(shutdown(memory_reactor))
    memory_reactor.advance(100)
    assert Stopped(port.getHost()) not in told
    memory_reactor.resultOf(port.stopListening())
    assert told[-1] == Stopped(port.getHost())


def test_neverBegun(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, told: list[Event]
) -> None:
    """
    Of one that tor refuses nothing is told but by listen()'s failure.
    """
    fake_network.on("ADD_ONION", Refuse(551))
    endpoint = OnionServerEndpoint(memory_reactor, ListenOptions(7777))
    with pytest.raises(OnionRefused):
        memory_reactor.resultOf(endpoint.listen(RecordingFactory()))
    assert told == []


def test_sameAddress(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, told: list[Event], tmp_path: Any
) -> None:
    """
    Who can't listen since another one does has not stopped that one.
    """
    endpoint = OnionServerEndpoint(memory_reactor, ListenOptions(7777, key=str(tmp_path / "key")))
    port: Any = memory_reactor.resultOf(endpoint.listen(RecordingFactory()))
    with pytest.raises(OnionPortInUse):
        memory_reactor.resultOf(endpoint.listen(RecordingFactory()))
    assert [type(event) for event in told] == [Starting, Published]
    memory_reactor.resultOf(port.stopListening())


def test_nothingAfterTheEnd(memory_reactor: MemoryReactor) -> None:
    """
    What happens before the beginning or after the end is not told; an observer may end it again.
    """
    told: list[Event] = []

    def note(event: Event) -> None:
        told.append(event)
        lifetime.end()

    lifetime = Lifetime(memory_reactor, ADDRESS, note)
    lifetime.tell(Published(ADDRESS))
    lifetime.begin()
    lifetime.tell(Reachable(ADDRESS, 1.0))
    assert told == [Starting(ADDRESS), Stopped(ADDRESS)]
