# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The pauses between attempts.
"""

from __future__ import annotations

import pytest

from onionp2p.waiting.backoff import Backoff, jittered


def near(seconds: float) -> object:
    """
    A time that is C{seconds} but for the jitter.
    """
    return pytest.approx(seconds, rel=0.2)


def test_grows() -> None:
    """
    Each pause is longer than the one before, up to the longest.
    """
    backoff = Backoff(1.0, 2.0, 5.0)
    assert [backoff.next() for _ in range(5)] == [near(each) for each in (1, 2, 4, 5, 5)]


def test_jitter() -> None:
    """
    No two who wait are told the same, and none is told of more than a fifth more or less.
    """
    times = [jittered(10.0) for _ in range(500)]
    assert all(8 <= each <= 12 for each in times)
    assert min(times) < 9
    assert max(times) > 11
    assert len(set(times)) > 400
    assert len({Backoff(1.0, 2.0, 5.0).next() for _ in range(100)}) > 80


def test_reset() -> None:
    """
    After a success they are short again.
    """
    backoff = Backoff(1.0, 2.0, 100.0)
    for _ in range(5):
        backoff.next()
    backoff.reset()
    assert [backoff.next(), backoff.next()] == [near(1), near(2)]


def test_longestBelowFirst() -> None:
    """
    The longest is never exceeded, not by the first one either.
    """
    backoff = Backoff(5.0, 2.0, 3.0)
    assert [backoff.next(), backoff.next()] == [near(3), near(3)]
    backoff.reset()
    assert backoff.next() == near(3)


def test_forEver() -> None:
    """
    It has no end, and no number grows too large.
    """
    backoff = Backoff(1.0, 2.0, 60.0)
    for _ in range(5000):
        assert backoff.next() <= 72
