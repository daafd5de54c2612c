# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What will go wrong, and when: drawn from a seed, and so the same each time.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

__all__ = ["Fault", "Kind", "Victim", "plan"]

_JITTER = 0.25
_SECONDS_FROZEN = 5.0, 20.0


class Kind(Enum):
    """
    What happens: to one tor a signal (C{freeze} is SIGSTOP), or the end of our control connection
    to it; or that all relays are frozen for some seconds.
    """

    KILL = "kill"
    TERM = "term"
    FREEZE = "freeze"
    HUP = "hup"
    CONTROL = "control"
    RELAYS = "relays"


class Victim(Enum):
    """
    To whose tor.
    """

    LISTENER = "listener"
    DIALER = "dialer"
    NETWORK = "network"


@dataclass(frozen=True)
class Fault:
    """
    Something that goes wrong.

    @ivar at: when, in seconds from the beginning.
    @ivar seconds: for how long, where it ends by itself.
    """

    at: float
    kind: Kind
    victim: Victim
    seconds: float = 0.0


def plan(seed: int, seconds: float, every: float, kinds: Sequence[Kind]) -> list[Fault]:
    """
    Draw the faults of a run.  After the last one there is as much time as between two.

    @param seed: the same one gives the same faults.
    @param seconds: how long the run is.
    @param every: from one to the next, in seconds, give or take a quarter.
    @param kinds: which there may be; each comes once before any comes again.
    """
    drawn = random.Random(seed)  # noqa: S311 - no secret
    bag: list[Kind] = []
    faults = []
    number = 1
    while (at := every * (number + drawn.uniform(-_JITTER, _JITTER))) <= seconds - every:
        if not bag:
            bag = list(kinds)
            drawn.shuffle(bag)
        kind = bag.pop()
        if kind is Kind.RELAYS:
            faults.append(Fault(at, kind, Victim.NETWORK, drawn.uniform(*_SECONDS_FROZEN)))
        else:
            faults.append(Fault(at, kind, drawn.choice([Victim.LISTENER, Victim.DIALER])))
        number += 1
    return faults
