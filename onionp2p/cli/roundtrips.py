# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Round trips, summed up.
"""

from __future__ import annotations

import math
from collections import Counter

__all__ = ["RoundTrips"]


class RoundTrips:
    """
    The round trips of a run of any length, in bounded memory.

    The smallest, the largest and the mean are exact.  Percentiles are of all
    round trips, each rounded to four significant digits, which is finer than
    they are shown: that makes at most 9,000 different ones a decade, and
    from a microsecond to a minute less than 80,000 in all.
    """

    def __init__(self) -> None:
        self.count = 0
        self._total = 0.0
        self._least = math.inf
        self._greatest = 0.0
        self._rounded: Counter[float] = Counter()

    def add(self, milliseconds: float) -> None:
        """
        Count one more.
        """
        self.count += 1
        self._total += milliseconds
        self._least = min(self._least, milliseconds)
        self._greatest = max(self._greatest, milliseconds)
        self._rounded[float(f"{milliseconds:.4g}")] += 1

    def counts(self) -> list[tuple[float, int]]:
        """
        Give the milliseconds, rounded and ascending, and how many round trips took that long.
        """
        return sorted(self._rounded.items())

    def percentile(self, percent: float) -> float:
        """
        Give the least round trip that at least C{percent} of all do not exceed (the nearest rank).

        @return: milliseconds.

        @raise ValueError: if there are none.
        """
        rank = math.ceil(self.count * percent / 100)
        seen = 0
        for milliseconds, count in self.counts():
            seen += count
            if seen >= rank:
                # Rounding must not carry it past what is exactly known.
                return min(max(milliseconds, self._least), self._greatest)
        raise ValueError("there are no round trips")

    def summary(self) -> dict[str, float]:
        """
        Give C{min}, C{avg}, C{p50}, C{p95} and C{max}, in milliseconds; nothing if there are none.
        """
        if self.count == 0:
            return {}
        return {
            "min": self._least,
            "avg": self._total / self.count,
            "p50": self.percentile(50),
            "p95": self.percentile(95),
            "max": self._greatest,
        }
