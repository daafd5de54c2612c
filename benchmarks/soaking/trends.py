# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Whether what a process holds grows, judged by samples that go up and down.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

__all__ = ["ALLOWED", "Trend"]

_MIB = 2.0**20
_MOST_SAMPLES = 400

ALLOWED = {
    "private memory": 2 * _MIB,
    "resident memory": 2 * _MIB,
    "descriptors": 2,
    "delayed calls": 3,
    "threads": 0,
    "children": 0,
    "objects": 1000,
}
"""
By how much the samples of a gauge may seem to grow in a run: bytes, or how many.
"""


@dataclass(frozen=True)
class Trend:
    """
    The samples of one gauge of one process.

    @ivar name: of the gauge.
    @ivar times: when each was taken, in seconds.
    @ivar values: what it showed.
    @ivar rests: what it showed with no connection open: after the warming up, and at the end.
    """

    name: str
    times: Sequence[float]
    values: Sequence[float]
    rests: tuple[float, float]

    @property
    def slope(self) -> float:
        """
        How much it grows in a second: the median of the slopes between any two samples (Theil and
        Sen's), which a few that are far off don't move.
        """
        step = len(self.times) // _MOST_SAMPLES + 1
        samples = list(zip(self.times, self.values, strict=True))[::step]
        slopes = [
            (after - before) / (later - sooner)
            for (sooner, before), (later, after) in combinations(samples, 2)
            if later > sooner
        ]
        return statistics.median(slopes) if slopes else 0.0

    @property
    def growth(self) -> float:
        """
        How much it has grown by that from the first sample to the last.
        """
        return self.slope * (self.times[-1] - self.times[0]) if self.times else 0.0

    @property
    def kept(self) -> float:
        """
        How much more it was at rest at the end than after the warming up.
        """
        return self.rests[1] - self.rests[0]

    @property
    def grows(self) -> bool:
        """
        Whether it has grown by more than is allowed, one way or the other.
        """
        return max(self.growth, self.kept) > ALLOWED[self.name]
