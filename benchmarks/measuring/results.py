"""
What was measured: figures, the goals set for them, and how they compare.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

__all__ = ["Check", "Comparison", "Figure", "Goal", "Part", "Samples", "quantile"]

_RESAMPLES = 1000
_INTERVAL = 0.025, 0.975


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

    @ivar samples: by contender, one of each round, in the order of the rounds.
    @ivar base: whom the others are compared with; L{None} if there is nothing to compare.
    """

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
    def record(self) -> dict[str, Any]:
        """
        For JSON.
        """
        contenders = {}
        for name, values in self.samples.items():
            contenders[name] = entry = {
                "samples": values,
                "median": self.medians[name],
                "quartiles": [quantile(values, 0.25), quantile(values, 0.75)],
                "p95": quantile(values, 0.95),
            }
            compared = self.compare(name, self.base) if self.base and name != self.base else None
            if compared is not None:
                entry["ratio"] = compared.ratio
                entry["ratio interval"] = [compared.low, compared.high]
        return {
            "name": self.name,
            "unit": self.unit,
            "base": self.base,
            "goal": vars(self.goal) if self.goal else None,
            "reached": self.reached,
            "contenders": contenders,
        }


class Samples:
    """
    What comes in while it is measured.
    """

    def __init__(self) -> None:
        self._samples: dict[str, dict[str, list[float]]] = {}

    def add(self, contender: str, measured: dict[str, float]) -> None:
        """
        Take what was measured of a contender in one round, by key.
        """
        for key, value in measured.items():
            self._samples.setdefault(key, {}).setdefault(contender, []).append(value)

    def least(self, contender: str) -> dict[str, float]:
        """
        Give the least that came of a contender, by key.
        """
        return {key: min(samples) for key, samples in self._of(contender)}

    def most(self, contender: str) -> dict[str, float]:
        """
        Give the most that came of a contender, by key.
        """
        return {key: max(samples) for key, samples in self._of(contender)}

    def _of(self, contender: str) -> Iterator[tuple[str, list[float]]]:
        for key, samples in self._samples.items():
            if contender in samples:
                yield key, samples[contender]

    def figure(
        self, key: str, name: str, unit: str, base: str | None = None, goal: Goal | None = None
    ) -> Figure:
        """
        Make a figure of what came by one key.
        """
        samples = self._samples[key]
        ordered = sorted(samples, key=lambda contender: (contender != base, contender))
        return Figure(name, unit, {each: samples[each] for each in ordered}, base, goal)


@dataclass(frozen=True)
class Check:
    """
    Something that is so or is not.
    """

    text: str
    passed: bool


@dataclass(frozen=True)
class Part:
    """
    A part of the report.

    @ivar letter: what it is asked for by.
    @ivar method: how it was measured, in a sentence or two.
    """

    letter: str
    title: str
    method: str
    figures: list[Figure] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    @property
    def record(self) -> dict[str, Any]:
        """
        For JSON.
        """
        return {
            "title": self.title,
            "method": self.method,
            "figures": [figure.record for figure in self.figures],
            "checks": [vars(check) for check in self.checks],
        }
