# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Part b: dials of an onion service through real tors, on a private network.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from measuring.contenders import ONIONP2P, TXTORCON
from measuring.processes import Network, Process, workers
from measuring.rawsocket import RAW
from measuring.results import Goal, Part
from measuring.samples import Samples

__all__ = ["Onions"]

_SECONDS = 120.0
_CONTENDERS = [RAW, ONIONP2P, TXTORCON]
# Circuits differ far more than clients do, and txtorcon can't be told to share one.
_BY_ONE_CIRCUIT = [RAW, ONIONP2P]
_NEAR_RAW = Goal(ONIONP2P, 1.05, RAW)


@dataclass(frozen=True)
class Onions:
    """
    How much is measured.

    @ivar dials: cold ones, and as many warm ones, of each contender.
    @ivar trips: round trips on each warm connection.
    @ivar transfers: how often they send and receive much.
    @ivar turns: how often each does so in turn, by the same circuits; the best counts.
    @ivar size: bytes each way then.
    """

    dials: int = 200
    trips: int = 3
    transfers: int = 6
    turns: int = 3
    size: int = 2 * 2**20

    def measure(self, say: Callable[[str], None], network: Network) -> Part:
        """
        Measure.

        @param say: told what is being done.
        """
        samples = Samples()
        with workers(_CONTENDERS, network.folder, network.label) as processes:
            for number in range(self.dials):
                if number % 20 == 0:
                    say(f"dial {number + 1} of {self.dials}")
                for name in random.sample(_CONTENDERS, len(_CONTENDERS)):
                    network.closeCircuits()
                    visited = processes[name].ask(_SECONDS, figure="visit", trips=self.trips)
                    samples.add(name, visited)
            for number in range(self.transfers):
                say(f"transfer {number + 1} of {self.transfers}")
                self._transfer(samples, processes)
        return Part(
            "b",
            "Dials of an onion service, on a private network of real tors",
            f"{self.dials} rounds: each contender, in random order and when tor has closed the"
            " circuits of the one before, dials by a fresh one (cold), again by the same (warm),"
            f" and makes {self.trips} round trips of 64 bytes, whose median counts. Then"
            f" {self.transfers} rounds in which the raw socket and onionp2p, by one and the same"
            f" circuit, take {self.turns} turns at {self.size >> 20} MiB each way, and the best"
            " counts; what txtorcon can carry, which can't be told to share a circuit, is in part"
            " a. All dial by the socket of one tor. The raw socket is a blocking one, and speaks"
            " SOCKS by hand.",
            figures=[
                samples.figure("cold", "cold dial", "ms", RAW, _NEAR_RAW),
                samples.figure("warm", "warm dial", "ms", RAW, _NEAR_RAW),
                samples.figure("trip", "round trip", "ms", RAW, _NEAR_RAW),
                samples.figure("clock sent", "time per GiB sent", "s", RAW, _NEAR_RAW),
                samples.figure("clock received", "time per GiB received", "s", RAW, _NEAR_RAW),
            ],
        )

    def _transfer(self, samples: Samples, processes: dict[str, Process]) -> None:
        token = secrets.token_hex(16)
        turns = Samples()
        for _ in range(self.turns):
            for name in random.sample(_BY_ONE_CIRCUIT, len(_BY_ONE_CIRCUIT)):
                moved = processes[name].ask(
                    _SECONDS, figure="transfer", size=self.size, token=token
                )
                turns.add(name, moved)
        for name in _BY_ONE_CIRCUIT:
            samples.add(name, turns.least(name))
