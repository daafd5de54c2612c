# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Part a: what a connection costs, with a stand-in in place of tor.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from measuring.contenders import AGAIN, ONIONP2P, PLAIN, TXTORCON
from measuring.processes import standIn, workers
from measuring.requests import Port
from measuring.results import Figure, Goal, Part
from measuring.samples import Samples
from onionp2p.address import labelFromPublicKey

__all__ = ["NOBODY", "DataPath"]

NOBODY = labelFromPublicKey(bytes(32))
"""An onion that the stand-in pretends to reach."""

_SECONDS = 120.0
_DEADLINE = 1.0
_AT_ONCE = 100

_CONTENDERS = [PLAIN, AGAIN, ONIONP2P, TXTORCON]
_NEAR_PLAIN = Goal(ONIONP2P, 1.03, PLAIN)
_HALF = Goal(ONIONP2P, 0.5, TXTORCON)


@dataclass(frozen=True)
class DataPath:
    """
    How much is measured.

    @ivar rounds: how often; each has fresh processes.
    @ivar turns: how often the contenders take turns at each figure in a round; the best counts,
        which others on this machine have disturbed least.
    @ivar size: bytes each way in a turn.
    @ivar connects: dials one after the other in a turn.
    @ivar messages: round trips in a turn.
    @ivar speakers: dials of a server that speaks first.
    """

    rounds: int = 15
    turns: int = 9
    size: int = 2**25
    connects: int = 300
    messages: int = 500
    speakers: int = 1000

    def measure(self, say: Callable[[str], None]) -> Part:
        """
        Measure.

        @param say: told what is being done.
        """
        samples = Samples()
        with standIn() as folder:
            for number in range(self.rounds):
                say(f"round {number + 1} of {self.rounds}")
                self._round(samples, folder)
            say("servers that speak first")
            self._speakers(samples, folder)
        return Part(
            "a",
            "The data path, against a stand-in for tor",
            f"{self.rounds} rounds, each with a fresh process for every contender. In a round all"
            f" take {self.turns} turns at each figure, in random order, and the best counts, which"
            " others on this machine have disturbed least. A turn is"
            f" {self.size >> 20} MiB each way, {self.connects} connects, {self.messages} round"
            " trips of 64 bytes. CPU is that of the contender's process, the kernel's part"
            " included; it has another processor than the stand-in. The second plain Twisted shows"
            " what noise alone does.",
            figures=[
                samples.figure("cpu sent", "CPU per GiB sent", "s", PLAIN, _NEAR_PLAIN),
                samples.figure("cpu received", "CPU per GiB received", "s", PLAIN, _NEAR_PLAIN),
                samples.figure("clock sent", "time per GiB sent", "s", PLAIN),
                samples.figure("clock received", "time per GiB received", "s", PLAIN),
                samples.figure("cpu per message", "CPU per round trip", "µs", PLAIN, _NEAR_PLAIN),
                samples.figure("clock per message", "time of a round trip", "µs", PLAIN),
                samples.figure("cpu per connect", "CPU per connect", "µs", PLAIN, _HALF),
                samples.figure("cpu per close", "CPU per close", "µs", PLAIN),
                samples.figure("per second", "connects per second", "/s"),
                self._stalled(samples),
            ],
        )

    def _round(self, samples: Samples, folder: str) -> None:
        asked = [
            {"figure": "transfer", "size": self.size},
            {"figure": "connects", "count": self.connects},
            {"figure": "messages", "count": self.messages},
        ]
        with workers(_CONTENDERS, folder, NOBODY, apart=True) as processes:
            turns = Samples()
            for command in asked * self.turns:
                for name in random.sample(_CONTENDERS, len(_CONTENDERS)):
                    turns.add(name, processes[name].ask(_SECONDS, **command))
        for name in _CONTENDERS:
            best = turns.least(name)
            samples.add(name, {**best, "per second": 1e6 / best["clock per connect"]})

    def _speakers(self, samples: Samples, folder: str) -> None:
        contenders = [ONIONP2P, TXTORCON]
        with workers(contenders, folder, NOBODY) as processes:
            for name in contenders:
                result = processes[name].ask(
                    _SECONDS,
                    figure="stalls",
                    ports=[Port.SPEAKS_WITH_REPLY, Port.SPEAKS_AFTER_REPLY],
                    dials=self.speakers,
                    atOnce=_AT_ONCE,
                    deadline=_DEADLINE,
                )
                samples.add(name, {"stalled": result["stalled"] + result["failed"]})

    def _stalled(self, samples: Samples) -> Figure:
        name = (
            f"of {self.speakers} dials of a server that speaks first, those whose first words"
            f" had not come {_DEADLINE:g} s after the connect"
        )
        return samples.figure("stalled", name, "dials", None, Goal(ONIONP2P, 0))
