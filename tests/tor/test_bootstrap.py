# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Following a tor's bootstrap, with a tor in memory.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.logger import LogEvent

from onionp2p.errors import BootstrapStalled, ControlLost
from onionp2p.events import Event, Progress, observe
from onionp2p.local.quiet import quietFactory
from onionp2p.testing import FakeNetwork, FakeTor, MemoryReactor
from onionp2p.testing.faketor import Delay, Ignore, Stall
from onionp2p.tor.bootstrap import Bootstrap, parseStatus
from onionp2p.tor.control import TorControl


@pytest.fixture
def tor(memory_reactor: MemoryReactor) -> Iterator[FakeTor]:
    """
    A tor that has not begun to bootstrap.
    """
    fake = FakeTor(memory_reactor, FakeNetwork(memory_reactor), "/nowhere")
    fake.doors.openControl("/control", owner=True)
    yield fake
    memory_reactor.resultOf(Deferred.fromCoroutine(fake.end()))


def follow(reactor: MemoryReactor) -> Bootstrap:
    """
    Follow the tor's bootstrap.
    """
    control = TorControl(reactor)
    endpoint = UNIXClientEndpoint(reactor, "/control")
    reactor.resultOf(endpoint.connect(quietFactory(control.protocol)))
    bootstrap = Bootstrap(reactor, control)
    reactor.resultOf(control.ready())
    reactor.resultOf(bootstrap.follow())
    return bootstrap


def test_done(memory_reactor: MemoryReactor, tor: FakeTor) -> None:
    """
    Who waits is told when tor can build circuits; later ones at once.
    """
    tor.on("BOOTSTRAP 100", Delay(7))
    tor.start()
    bootstrap = follow(memory_reactor)
    waiting = bootstrap.whenDone()
    memory_reactor.resultOf(waiting)
    assert memory_reactor.seconds() == 7
    assert bootstrap.progress == Progress(100, "done", "Done")
    memory_reactor.resultOf(bootstrap.whenDone(), seconds=0)
    assert memory_reactor.getDelayedCalls() == []


def test_alreadyDone(memory_reactor: MemoryReactor, tor: FakeTor) -> None:
    """
    A tor that was ready before we came is so at once.
    """
    tor.start()
    memory_reactor.advance(1)
    memory_reactor.resultOf(follow(memory_reactor).whenDone(), seconds=0)


def test_observers(memory_reactor: MemoryReactor, tor: FakeTor) -> None:
    """
    Observers are told of the present step and each later one, until they have had enough.
    """
    tor.on("BOOTSTRAP", Delay(1))
    bootstrap = follow(memory_reactor)
    one: list[int] = []
    other: list[str] = []
    bootstrap.observe(lambda progress: one.append(progress.percent))
    forget = bootstrap.observe(lambda progress: other.append(progress.tag))
    tor.start()
    memory_reactor.advance(2)
    forget()
    memory_reactor.advance(100)
    assert one == [0, 5, 10, 14, 15, 20, 25, 30, 40, 45, 50, 75, 89, 90, 95, 100]
    assert other == ["starting", "conn", "conn_done"]


def test_toldFromTheStart(memory_reactor: MemoryReactor, tor: FakeTor) -> None:
    """
    That a tor begins is told to all, at 0%, and each step once.
    """
    told: list[Event] = []
    forget = observe(told.append)
    tor.on("BOOTSTRAP 100", Delay(7))
    bootstrap = follow(memory_reactor)
    assert told == [Progress(0, "starting", "Starting")]
    tor.start()
    memory_reactor.resultOf(bootstrap.whenDone())
    forget()
    percents = [event.percent for event in told if isinstance(event, Progress)]
    assert percents[-1] == 100
    assert percents == sorted(set(percents))


def test_anObserverFails(
    memory_reactor: MemoryReactor, tor: FakeTor, loggedErrors: list[LogEvent]
) -> None:
    """
    An observer that raises is logged, and spoils nothing for the others.
    """
    tor.on("BOOTSTRAP 100", Delay(7))
    tor.start()
    bootstrap = follow(memory_reactor)
    seen: list[int] = []

    def fail(progress: Progress) -> None:
        raise BrokenPipeError

    bootstrap.observe(fail)
    bootstrap.observe(lambda progress: seen.append(progress.percent))
    memory_reactor.resultOf(bootstrap.whenDone())
    assert seen[-1] == 100
    assert {event["log_failure"].type for event in loggedErrors} == {BrokenPipeError}
    loggedErrors.clear()


def test_slowIsNotDead(memory_reactor: MemoryReactor, tor: FakeTor) -> None:
    """
    However long it takes in all, a tor that makes progress is waited for.
    """
    tor.on("BOOTSTRAP", Delay(59))
    tor.start()
    memory_reactor.resultOf(follow(memory_reactor).whenDone())
    assert memory_reactor.seconds() > 600


def test_stalled(memory_reactor: MemoryReactor, tor: FakeTor) -> None:
    """
    After 60 s without progress those who wait are told; who waits anew gets 60 s more.  Tor's
    warnings are no progress.
    """
    tor.on("BOOTSTRAP 10", Stall("Connection refused", seconds=40))
    tor.on("BOOTSTRAP 14", Ignore())
    tor.start()
    bootstrap = follow(memory_reactor)
    for end in (100, 160):
        with pytest.raises(BootstrapStalled, match=r"at 10% \(Connected to a relay\)"):
            memory_reactor.resultOf(bootstrap.whenDone())
        assert memory_reactor.seconds() == end
    bootstrap.stop()


def test_reason(memory_reactor: MemoryReactor, tor: FakeTor) -> None:
    """
    Tor's warning is in the progress and in the error.
    """
    tor.on("BOOTSTRAP 14", Stall("Connection refused"))
    tor.start()
    bootstrap = follow(memory_reactor)
    with pytest.raises(BootstrapStalled, match=r"at 10%.*: Connection refused"):
        memory_reactor.resultOf(bootstrap.whenDone())
    assert bootstrap.progress.warning == "Connection refused"
    bootstrap.stop()


def test_doneAfterAll(memory_reactor: MemoryReactor, tor: FakeTor) -> None:
    """
    A tor that goes on after it was given up is waited for by who asks again.
    """
    tor.on("BOOTSTRAP 50", Delay(90))
    tor.start()
    bootstrap = follow(memory_reactor)
    with pytest.raises(BootstrapStalled):
        memory_reactor.resultOf(bootstrap.whenDone())
    memory_reactor.resultOf(bootstrap.whenDone())
    assert memory_reactor.seconds() == 90


def test_controlLost(memory_reactor: MemoryReactor, tor: FakeTor) -> None:
    """
    When the control connection ends, those who wait are told at once, and nothing is left.
    """
    bootstrap = follow(memory_reactor)
    waiting = bootstrap.whenDone()
    tor.dropControl()
    for deferred in (waiting, bootstrap.whenDone()):
        with pytest.raises(ControlLost):
            memory_reactor.resultOf(deferred, seconds=0)
    assert memory_reactor.getDelayedCalls() == []


def test_cancelled(memory_reactor: MemoryReactor, tor: FakeTor) -> None:
    """
    One who stops waiting takes nothing from the others.
    """
    bootstrap = follow(memory_reactor)
    one, other = bootstrap.whenDone(), bootstrap.whenDone()
    one.cancel()
    with pytest.raises(CancelledError):
        memory_reactor.resultOf(one)
    tor.start()
    memory_reactor.resultOf(other)


@pytest.mark.parametrize(
    ("text", "progress"),
    [
        (
            'NOTICE BOOTSTRAP PROGRESS=0 TAG=starting SUMMARY="Starting"',
            Progress(0, "starting", "Starting"),
        ),
        (
            'WARN BOOTSTRAP PROGRESS=5 TAG=conn SUMMARY="Connecting" WARNING="No route to host"',
            Progress(5, "conn", "Connecting", "No route to host"),
        ),
        ("NOTICE BOOTSTRAP PROGRESS=999 TAG=x", Progress(100, "x", "")),
        ("NOTICE CIRCUIT_ESTABLISHED", None),
        ("NOTICE BOOTSTRAP", None),
        ("NOTICE BOOTSTRAP PROGRESS=x", None),
        ("", None),
    ],
)
def test_fromStatus(text: str, progress: Progress | None) -> None:
    """
    A status of tor's is read, or passed over if it is about something else.
    """
    assert parseStatus(text) == progress
