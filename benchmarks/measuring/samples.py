# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What comes in while it is measured, until figures are made of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from measuring.results import Figure, Goal

__all__ = ["Samples"]


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
        return Figure(key, name, unit, {each: samples[each] for each in ordered}, base, goal)
