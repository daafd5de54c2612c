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
    publication = Publication(clock)
    done: list[None] = []
    publication.whenPublished().addCallback(done.append)
    tell(publication, *events)
    return clock, publication, done


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
    Without a success, never; tor tries again, and a success then counts.
    """
    clock, publication, done = told("UPLOAD $A~a", "FAILED $A~a")
    clock.advance(1000)
    assert done == []
    tell(publication, "UPLOAD $A~a", "UPLOADED $A~a")
    assert done == [None]


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
    publication.begin()
    clock.advance(100)
    tell(publication, "UPLOADED $B~b", "UPLOAD $A~a")
    assert done == []
    tell(publication, "UPLOADED $A~a")
    assert done == [None]
    publication.begin()
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
