# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Part c: many streams at once to one onion service.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from measuring.contenders import ONIONP2P, PLAIN, TXTORCON
from measuring.datapath import NOBODY
from measuring.processes import Network, standIn, workers
from measuring.results import Check, Figure, Goal, Part
from measuring.samples import Samples

__all__ = ["Growth"]

_SECONDS = 180.0
_CONTENDERS = [PLAIN, ONIONP2P, TXTORCON]
_MEMORY = Goal(ONIONP2P, 1.2, PLAIN)
_KEPT_PER_STREAM, _KEPT = 16, 4096
"""Bytes that closed streams may seem to hold, since containers keep their size for a while."""


@dataclass(frozen=True)
class Growth:
    """
    How much is measured.

    @ivar counts: streams at once.
    @ivar rounds: how often.
    """

    counts: tuple[int, ...] = (1, 10, 100, 1000)
    rounds: int = 3

    def measure(self, say: Callable[[str], None], network: Network) -> Part:
        """
        Measure.

        @param say: told what is being done.
        """
        figures: list[Figure] = []
        checks: list[Check] = []
        with standIn() as folder:
            for count in self.counts:
                samples = Samples()
                for number in range(self.rounds):
                    say(f"{count} at once, round {number + 1} of {self.rounds}")
                    for name in random.sample(_CONTENDERS, len(_CONTENDERS)):
                        way = (folder, NOBODY) if name == PLAIN else (network.folder, network.label)
                        samples.add(name, _grow(name, *way, count))
                figures += _figures(count, samples)
                checks += _checks(count, samples)
        return Part(
            "c",
            "Streams at once to one onion service, on a private network",
            f"{self.rounds} rounds with two fresh processes for each number: one counts what Python"
            " has allocated (tracemalloc), the other, undisturbed by that, the time and the"
            " process's private memory (/proc), in which what dialing took for a moment is"
            " included. All dial at the same time, and each stream stays open when a message has"
            " come back. Plain Twisted's lead to the stand-in: there is no tor in its time.",
            figures=figures,
            checks=checks,
        )


def _grow(contender: str, folder: str, label: str, count: int) -> dict[str, float]:
    results = []
    for traced in (True, False):
        with workers([contender], folder, label) as processes:
            grown = processes[contender].ask(_SECONDS, figure="grow", streams=count, traced=traced)
            results.append(grown)
    traced, timed = results
    return {
        "seconds": timed["seconds"],
        "memory": timed["memory"],
        "allocated": traced["memory"],
        "allocated left": traced["memory left"],
        "failed": traced["failed"] + timed["failed"],
        "descriptors": timed["descriptors"],
        "descriptors left": timed["descriptors left"],
    }


def _figures(count: int, samples: Samples) -> list[Figure]:
    streams = "1 stream" if count == 1 else f"{count} streams"
    time = f"{streams}: time until each has had its echo"
    allocated = f"{streams}: Python's memory per stream"
    figures = [
        samples.figure("seconds", time, "s"),
        samples.figure("allocated", allocated, "bytes", PLAIN, _MEMORY),
    ]
    if count >= 100:  # with fewer, it is the pages that count
        private = f"{streams}: the process's memory per stream"
        figures.append(samples.figure("memory", private, "bytes", PLAIN))
    return [replace(figure, key=f"{count} {figure.key}") for figure in figures]


def _checks(count: int, samples: Samples) -> list[Check]:
    worst = samples.most(ONIONP2P)
    left = worst["allocated left"]
    return [
        Check(f"{count} at once: {worst['failed']:g} failed", not worst["failed"]),
        Check(
            f"{count} at once: {worst['descriptors']:g} file descriptors per stream,"
            f" {worst['descriptors left']:g} left when all are closed",
            worst["descriptors"] == 1 and not worst["descriptors left"],
        ),
        Check(
            f"{count} at once: {left:g} bytes left each time when all are closed, by tracemalloc",
            left <= _KEPT_PER_STREAM * count + _KEPT,
        ),
    ]
