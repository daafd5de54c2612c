"""
Onion services on a tor in memory: made, published, withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.task import Clock

from onionp2p.errors import ControlLost, ControlTimeout, OnionRefused
from onionp2p.keys import Identity
from onionp2p.quiet import quietFactory
from onionp2p.testing import FakeNetwork, FakeTor, MemoryReactor
from onionp2p.testing.faketor import Delay, Drop, Hang, Ignore, Refuse
from onionp2p.tor.control import TorControl
from onionp2p.tor.onions import Onion, Publication

OURS = Identity(bytes(32))
OTHERS = Identity(b"x" * 32)
DIRECTORIES = ["$A~a", "$B~b", "$C~c"]


@pytest.fixture
def tor(memory_reactor: MemoryReactor) -> Iterator[FakeTor]:
    """
    A tor that takes commands at C{/control}.
    """
    fake = FakeTor(memory_reactor, FakeNetwork(memory_reactor), "/nowhere")
    fake.doors.openControl("/control", owner=True)
    fake.start()
    yield fake
    memory_reactor.resultOf(Deferred.fromCoroutine(fake.end()))


@pytest.fixture
def control(memory_reactor: MemoryReactor, tor: FakeTor) -> TorControl:
    """
    A control connection to it.
    """
    connection = TorControl(memory_reactor)
    endpoint = UNIXClientEndpoint(memory_reactor, "/control")
    memory_reactor.resultOf(endpoint.connect(quietFactory(connection.protocol)))
    memory_reactor.resultOf(connection.ready())
    return connection


def add(reactor: MemoryReactor, control: TorControl) -> Deferred[Onion]:
    """
    Begin to serve an onion.
    """
    return Deferred.fromCoroutine(Onion.add(reactor, control, OURS, 7777, "/run/target"))


def test_added(memory_reactor: MemoryReactor, tor: FakeTor, control: TorControl) -> None:
    """
    Tor serves our key's address, brings connections of the one port to our socket, and keeps no
    copy of the key for others to ask for.
    """
    memory_reactor.resultOf(add(memory_reactor, control))
    (service,) = tor.onions.services.values()
    assert service.label == OURS.label
    assert service.targets == {7777: "unix:/run/target"}
    assert service.flags == {"DiscardPK"}


def test_published(memory_reactor: MemoryReactor, tor: FakeTor, control: TorControl) -> None:
    """
    It is published once every directory has answered.
    """
    tor.on("UPLOAD", Delay(4), times=1)
    onion = memory_reactor.resultOf(add(memory_reactor, control))
    memory_reactor.resultOf(onion.publication.whenPublished())
    assert memory_reactor.seconds() == 4
    assert OURS.label in tor.network.descriptors


def test_withdrawn(memory_reactor: MemoryReactor, tor: FakeTor, control: TorControl) -> None:
    """
    Withdrawing ends the service, and what waited for it.
    """
    tor.on("UPLOAD", Ignore(), times=1)
    onion = memory_reactor.resultOf(add(memory_reactor, control))
    memory_reactor.resultOf(onion.withdraw())
    assert tor.onions.services == {}
    assert memory_reactor.getDelayedCalls() == []


@pytest.mark.parametrize("fault", [Refuse(552), Drop(), Hang()])
def test_withdrawNeverFails(
    memory_reactor: MemoryReactor,
    tor: FakeTor,
    control: TorControl,
    fault: Refuse | Drop | Hang,
) -> None:
    """
    Withdrawing never fails, and takes 30 s at most.
    """
    tor.on("DEL_ONION", fault)
    onion = memory_reactor.resultOf(add(memory_reactor, control))
    memory_reactor.resultOf(onion.withdraw(), seconds=30)


def test_refused(memory_reactor: MemoryReactor, tor: FakeTor, control: TorControl) -> None:
    """
    Tor's refusal is an error with tor's words.
    """
    memory_reactor.resultOf(add(memory_reactor, control))
    with pytest.raises(OnionRefused, match="550 Onion address collision"):
        memory_reactor.resultOf(add(memory_reactor, control))
    # The one that was there is not withdrawn for it.
    assert OURS.label in tor.onions.services


def test_lost(memory_reactor: MemoryReactor, tor: FakeTor, control: TorControl) -> None:
    """
    When the connection ends before tor's answer, that is the error.
    """
    tor.on("ADD_ONION", Drop())
    with pytest.raises(ControlLost):
        memory_reactor.resultOf(add(memory_reactor, control), seconds=0)


def test_unanswered(memory_reactor: MemoryReactor, tor: FakeTor, control: TorControl) -> None:
    """
    When tor does not answer in time, it is told to withdraw what it may yet serve.
    """
    tor.on("ADD_ONION", Delay(45))
    with pytest.raises(ControlTimeout):
        memory_reactor.resultOf(add(memory_reactor, control))
    memory_reactor.advance(60)
    assert tor.onions.services == {}


def test_cancelled(memory_reactor: MemoryReactor, tor: FakeTor, control: TorControl) -> None:
    """
    Who is cancelled before tor's answer leaves no onion behind.
    """
    tor.on("ADD_ONION", Delay(5))
    adding = add(memory_reactor, control)
    memory_reactor.advance(1)
    adding.cancel()
    with pytest.raises(CancelledError):
        memory_reactor.resultOf(adding)
    memory_reactor.advance(10)
    assert tor.onions.services == {}


class TestPublication:
    """
    When an onion counts as published.
    """

    def told(self, *events: str) -> tuple[Clock, Publication, list[None]]:
        """
        Give a publication that was told of some events, and whether it is done.
        """
        clock = Clock()
        publication = Publication(clock, OURS.label)
        done: list[None] = []
        publication.whenPublished().addCallback(done.append)
        for event in events:
            publication.event(event.format(ours=OURS.label, others=OTHERS.label))
        return clock, publication, done

    def uploads(self, action: str, *directories: str) -> list[str]:
        """
        Give events about uploads of our descriptor.
        """
        return [f"{action} {OURS.label} UNKNOWN {directory} id" for directory in directories]

    def test_allAnswered(self) -> None:
        """
        When all uploads are answered and one succeeded, at once.
        """
        _, publication, done = self.told(
            *self.uploads("UPLOAD", *DIRECTORIES),
            *self.uploads("FAILED", "$A~a"),
            *self.uploads("UPLOADED", "$B~b"),
        )
        assert done == []
        for event in self.uploads("UPLOADED", "$C~c"):
            publication.event(event)
        assert done == [None]

    def test_someNeverAnswer(self) -> None:
        """
        Otherwise 30 s after the first success.
        """
        clock, _, done = self.told(
            *self.uploads("UPLOAD", *DIRECTORIES), *self.uploads("UPLOADED", "$A~a")
        )
        clock.advance(29)
        assert done == []
        clock.advance(1)
        assert done == [None]

    def test_allFail(self) -> None:
        """
        Without a success, never; tor tries again, and a success then counts.
        """
        clock, publication, done = self.told(
            *self.uploads("UPLOAD", "$A~a"), *self.uploads("FAILED", "$A~a")
        )
        clock.advance(1000)
        assert done == []
        for event in self.uploads("UPLOAD", "$A~a") + self.uploads("UPLOADED", "$A~a"):
            publication.event(event)
        assert done == [None]

    @pytest.mark.parametrize(
        "event",
        [
            "UPLOADED {others} UNKNOWN $A~a",
            "FAILED {others} UNKNOWN $A~a id REASON=NOT_FOUND",
            "UPLOADED {ours} UNKNOWN $Z~unknown",
            "FAILED {ours} NO_AUTH $Z~unknown id REASON=NOT_FOUND",
            "CREATED {ours} UNKNOWN UNKNOWN id",
            "RECEIVED {ours} NO_AUTH $A~a id",
            "UPLOADED {ours}",
            "UPLOADED",
            "",
        ],
    )
    def test_notOurs(self, event: str) -> None:
        """
        What is about others' onions, or about lookups of ours, counts for nothing.
        """
        _, _, done = self.told(*self.uploads("UPLOAD", "$A~a"), event)
        assert done == []

    def test_stopped(self) -> None:
        """
        Stopping leaves nothing to wait for.
        """
        clock, publication, _ = self.told(
            *self.uploads("UPLOAD", *DIRECTORIES), *self.uploads("UPLOADED", "$A~a")
        )
        publication.stop()
        assert clock.getDelayedCalls() == []
