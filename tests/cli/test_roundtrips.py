# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Summing up round trips.
"""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionp2p.cli.roundtrips import RoundTrips

times = st.lists(st.floats(min_value=0.001, max_value=60000), min_size=1, max_size=200)


def summedUp(milliseconds: list[float]) -> RoundTrips:
    """
    Sum them up.
    """
    roundTrips = RoundTrips()
    for each in milliseconds:
        roundTrips.add(each)
    return roundTrips


def test_none() -> None:
    """
    Without any reply there is nothing to say.
    """
    assert RoundTrips().summary() == {}
    with pytest.raises(ValueError, match="no round trips"):
        RoundTrips().percentile(50)


def test_summary() -> None:
    """
    The summary has the least, the mean, the median, the 95th percentile and the greatest.
    """
    summary = summedUp([float(n) for n in range(100, 0, -1)]).summary()
    assert summary == {"min": 1, "avg": 50.5, "p50": 50, "p95": 95, "max": 100}
    assert list(summary) == ["min", "avg", "p50", "p95", "max"]


@given(times)
def test_percentiles(milliseconds: list[float]) -> None:
    """
    A percentile is one of the round trips, to four digits: the least that so many don't exceed.
    """
    roundTrips = summedUp(milliseconds)
    for percent in (50, 95, 100):
        exact = sorted(milliseconds)[math.ceil(len(milliseconds) * percent / 100) - 1]
        assert roundTrips.percentile(percent) == pytest.approx(exact, rel=0.0006)


@given(times)
def test_ordered(milliseconds: list[float]) -> None:
    """
    The numbers of a summary never contradict each other.
    """
    summary = summedUp(milliseconds).summary()
    assert summary["min"] <= summary["p50"] <= summary["p95"] <= summary["max"]
    assert summary["min"] <= summary["avg"] * (1 + 1e-9)
    assert summary["avg"] <= summary["max"] * (1 + 1e-9)


def test_bounded() -> None:
    """
    The memory of an endless run is bounded: 100,000 different round trips take few places.
    """
    roundTrips = summedUp([10 + n / 12345 for n in range(100_000)])
    assert roundTrips.count == 100_000
    assert len(roundTrips._rounded) <= 9000
