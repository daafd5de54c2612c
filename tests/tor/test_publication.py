# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
When an onion counts as published.
"""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from onionp2p.tor.publication import Publication

DIRECTORIES = ["$A~a", "$B~b", "$C~c"]


def told(*events: str) -> tuple[Clock, Publication, list[None]]:
    """
    Give a publication that was told of some events, and whether it is done.
    """
    clock = Clock()
    publication = Publication(clock, lambda: None)
    done: list[None] = []
    publication.whenPublished().addCallback(done.append)
    tell(publication, *events)
    return clock, publication, done


def pauses(publication: Publication, clock: Clock, count: int) -> list[float]:
    """
    Have all uploads fail again and again, and give how long it is until another attempt is due.
    """
    found = []
    for _ in range(count):
        tell(publication, "UPLOAD $A~a", "FAILED $A~a")
        (due,) = clock.getDelayedCalls()
        found.append(due.getTime() - clock.seconds())
        clock.advance(found[-1])
    return found


def tell(publication: Publication, *events: str) -> None:
    """
    Tell a publication of some events.
    """
    for event in events:
        action, directory = event.split()
        publication.event(action, directory)


def uploads(action: str, *directories: str) -> list[str]:
    """
    Give events about some directories.
    """
    return [f"{action} {directory}" for directory in directories]


def test_allAnswered() -> None:
    """
    When all uploads are answered and one succeeded, at once.
    """
    _, publication, done = told(*uploads("UPLOAD", *DIRECTORIES), "FAILED $A~a", "UPLOADED $B~b")
    assert done == []
    tell(publication, "UPLOADED $C~c")
    assert done == [None]


def test_someNeverAnswer() -> None:
    """
    Otherwise 30 s after the first success.
    """
    clock, _, done = told(*uploads("UPLOAD", *DIRECTORIES), "UPLOADED $A~a")
    clock.advance(29)
    assert done == []
    clock.advance(1)
    assert done == [None]


def test_allFail() -> None:
    """
    Without a success, never; when tor tries again, a success then counts.
    """
    clock, publication, done = told("UPLOAD $A~a", "FAILED $A~a")
    clock.advance(1000)
    assert done == []
    tell(publication, "UPLOAD $A~a", "UPLOADED $A~a")
    assert done == [None]


def test_askedForAgain() -> None:
    """
    When all have failed, another attempt is asked for, after pauses from 5 s to two minutes; a
    success makes them short again, and so does nothing else.
    """
    clock, asked = Clock(), list[float]()
    publication = Publication(clock, lambda: asked.append(clock.seconds()))
    for pause, ideal in zip(
        pauses(publication, clock, 7), [5, 10, 20, 40, 80, 120, 120], strict=True
    ):
        assert ideal * 0.8 <= pause <= ideal * 1.2
    assert len(asked) == 7
    publication.begin(isNew=True)
    assert pauses(publication, clock, 1)[0] > 90
    tell(publication, "UPLOAD $A~a", "UPLOADED $A~a")
    publication.begin(isNew=False)
    assert pauses(publication, clock, 1)[0] < 7


def test_torTriesItself() -> None:
    """
    When tor makes the next attempt itself, none is asked for meanwhile.
    """
    asked: list[None] = []
    clock = Clock()
    publication = Publication(clock, lambda: asked.append(None))
    tell(publication, "UPLOAD $A~a", "FAILED $A~a", "UPLOAD $A~a")
    clock.advance(1000)
    assert asked == []
    tell(publication, "FAILED $A~a")
    publication.stop()
    assert clock.getDelayedCalls() == []


def test_found() -> None:
    """
    Once it has succeeded, others may know it, until a fresh tor serves it.
    """
    _, publication, _ = told("UPLOAD $A~a", "FAILED $A~a")
    found = [publication.found]
    tell(publication, "UPLOAD $A~a", "UPLOADED $A~a")
    for isNew in (False, True):
        publication.begin(isNew=isNew)
        found.append(publication.found)
    assert found == [False, True, False]
    publication.stop()


@pytest.mark.parametrize(
    "event",
    [
        "UPLOADED $Z~unknown",
        "FAILED $Z~unknown",
        "CREATED UNKNOWN",
        "RECEIVED $A~a",
        "REQUESTED $A~a",
    ],
)
def test_notOurs(event: str) -> None:
    """
    What is about lookups, or about uploads that nobody began, counts for nothing.
    """
    _, _, done = told("UPLOAD $A~a", event)
    assert done == []


def test_begunAnew() -> None:
    """
    A new descriptor begins it anew: who waits waits on, and what went before counts no more.
    """
    clock, publication, done = told("UPLOAD $A~a", "UPLOAD $B~b", "UPLOADED $A~a")
    publication.begin(isNew=False)
    clock.advance(100)
    tell(publication, "UPLOADED $B~b", "UPLOAD $A~a")
    assert done == []
    tell(publication, "UPLOADED $A~a")
    assert done == [None]
    publication.begin(isNew=False)
    again: list[None] = []
    publication.whenPublished().addCallback(again.append)
    assert again == []
    assert clock.getDelayedCalls() == []


def test_stopped() -> None:
    """
    Stopping leaves nothing to wait for.
    """
    clock, publication, _ = told(*uploads("UPLOAD", *DIRECTORIES), "UPLOADED $A~a")
    publication.stop()
    assert clock.getDelayedCalls() == []
