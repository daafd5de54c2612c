# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What was measured: figures, the goals set for them, and how they compare.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

__all__ = ["Check", "Comparison", "Figure", "Goal", "Moment", "Part", "quantile"]

_RESAMPLES = 1000
_INTERVAL = 0.025, 0.975
_DIGITS = 5
"""That are kept of a sample in JSON: more than any of them is worth."""


def quantile(values: Sequence[float], share: float) -> float:
    """
    Give the value below which a C{share} of them lies, 0 to 1; between two, by their distance.
    """
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


@dataclass(frozen=True)
class Comparison:
    """
    The ratio of two contenders' medians, and the interval that it lies in with 95% (bootstrap over
    the rounds, each kept whole).
    """

    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class Goal:
    """
    What a contender is to reach.

    @ivar contender: who.
    @ivar limit: the most that its median may be; if C{over} is a contender, of that one's.
    @ivar over: another contender, or L{None} for a limit in the figure's unit.
    """

    contender: str
    limit: float
    over: str | None = None


@dataclass(frozen=True)
class Figure:
    """
    One thing that was measured of several contenders.

    @ivar key: what a program calls it; a part has no other of that key.
    @ivar name: what a reader calls it.
    @ivar samples: by contender, one of each round, in the order of the rounds.
    @ivar base: whom the others are compared with; L{None} if there is nothing to compare.
    """

    key: str
    name: str
    unit: str
    samples: dict[str, list[float]]
    base: str | None = None
    goal: Goal | None = None

    @cached_property
    def medians(self) -> dict[str, float]:
        """
        By contender.
        """
        return {name: statistics.median(values) for name, values in self.samples.items()}

    def compare(self, contender: str, other: str) -> Comparison | None:
        """
        Compare two contenders; L{None} if that can't be done.
        """
        mine, theirs = self.samples[contender], self.samples[other]
        if not statistics.median(theirs):
            return None
        ratio = self.medians[contender] / self.medians[other]
        if len(mine) != len(theirs) or len(mine) < 3:
            return Comparison(ratio, ratio, ratio)
        source = random.Random(0)  # noqa: S311 - the same report for the same samples
        ratios = []
        for _ in range(_RESAMPLES):
            rounds = source.choices(range(len(mine)), k=len(mine))
            divisor = statistics.median([theirs[each] for each in rounds])
            if divisor:
                ratios.append(statistics.median([mine[each] for each in rounds]) / divisor)
        low, high = (quantile(ratios, share) for share in _INTERVAL)
        return Comparison(ratio, low, high)

    @cached_property
    def reached(self) -> bool | None:
        """
        Whether the goal is; L{None} if there is none.
        """
        if self.goal is None:
            return None
        value = self.medians[self.goal.contender]
        return value <= self.goal.limit * (self.medians[self.goal.over] if self.goal.over else 1)

    @property
    def verdict(self) -> str:
        """
        What is to be said of the goal; nothing if there is none.
        """
        if self.goal is None:
            return ""
        verdict = "reached" if self.reached else "MISSED"
        compared = self.compare(self.goal.contender, self.goal.over) if self.goal.over else None
        if compared is not None and compared.low <= self.goal.limit <= compared.high:
            verdict += ", but noise may have decided it"
        return verdict

    @property
    def record(self) -> dict[str, Any]:
        """
        For JSON: the samples, from which all else follows.
        """
        return {
            "key": self.key,
            "name": self.name,
            "unit": self.unit,
            "base": self.base,
            "goal": vars(self.goal) if self.goal else None,
            "samples": {name: [_short(each) for each in own] for name, own in self.samples.items()},
        }

    @classmethod
    def fromRecord(cls, record: dict[str, Any]) -> Self:
        """
        The other way round.
        """
        return cls(**{**record, "goal": Goal(**record["goal"]) if record["goal"] else None})


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


@dataclass(frozen=True)
class Check:
    """
    Something that is so or is not.
    """

    text: str
    passed: bool


@dataclass(frozen=True)
class Moment:
    """
    Something that happened while it was measured.

    @ivar at: when, in seconds from the beginning.
    @ivar seconds: how long it took; L{None} if it did not end, or if that has no meaning.
    """

    at: float
    what: str
    seconds: float | None = None


@dataclass(frozen=True)
class Part:
    """
    A part of the report.

    @ivar letter: what it is asked for by.
    @ivar method: how it was measured, in a sentence or two.
    @ivar timeline: what happened, in this order, where that matters.
    """

    letter: str
    title: str
    method: str
    figures: list[Figure] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    timeline: list[Moment] = field(default_factory=list)

    def figure(self, key: str) -> Figure:
        """
        Give the figure of that key.

        @raise KeyError: if there is none.
        """
        for figure in self.figures:
            if figure.key == key:
                return figure
        raise KeyError(key)

    @property
    def record(self) -> dict[str, Any]:
        """
        For JSON.
        """
        return {
            "letter": self.letter,
            "title": self.title,
            "method": self.method,
            "figures": [figure.record for figure in self.figures],
            "checks": [vars(check) for check in self.checks],
            "timeline": [
                [_short(each.at), each.what, each.seconds and _short(each.seconds)]
                for each in self.timeline
            ],
        }

    @classmethod
    def fromRecord(cls, record: dict[str, Any]) -> Self:
        """
        The other way round.
        """
        return cls(
            record["letter"],
            record["title"],
            record["method"],
            [Figure.fromRecord(each) for each in record["figures"]],
            [Check(**each) for each in record["checks"]],
            [Moment(*each) for each in record["timeline"]],
        )
