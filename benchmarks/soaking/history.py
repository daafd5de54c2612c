# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What was seen in a run: visits and faults, and what follows from them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from soaking.faults import Fault

__all__ = ["PING", "SECONDS_PROMPT", "TRANSFER", "History", "Struck", "Visit"]

PING, TRANSFER = "ping", "transfer"

SECONDS_PROMPT = 2.0
"""A second counts as one in which the service was there if its ping came back so soon."""


@dataclass(frozen=True)
class Visit:
    """
    A connection that was tried, and what came of it.

    @ivar kind: L{PING}, by the circuits in use, or L{TRANSFER}, by fresh ones.
    @ivar began: when, in seconds of the monotonic clock.
    @ivar ended: the same.
    @ivar problem: why nothing came of it, if so.
    @ivar begun: whether it was begun at all: not while too many others waited.
    @ivar corrupt: whether other bytes came back than were sent.
    """

    kind: str
    began: float
    ended: float
    problem: str = ""
    begun: bool = True
    corrupt: bool = False


@dataclass(frozen=True)
class Struck:
    """
    A fault that has happened.

    @ivar at: when it was over, as far as it is by itself, in seconds of the monotonic clock.
    """

    fault: Fault
    at: float


@dataclass
class History:
    """
    What was seen so far.
    """

    visits: list[Visit] = field(default_factory=list)
    struck: list[Struck] = field(default_factory=list)

    def of(self, kind: str) -> list[Visit]:
        """
        Give the visits of a kind that were begun.
        """
        return [visit for visit in self.visits if visit.kind == kind and visit.begun]

    def answered(self, kind: str) -> float:
        """
        Give the share of the visits of a kind that came through, 0 to 1.
        """
        return _share(not visit.problem for visit in self.of(kind))

    @property
    def there(self) -> float:
        """
        Give the share of the seconds in which the service was there, 0 to 1: a ping is begun in
        each, unless too many wait.
        """
        return _share(
            visit.begun and not visit.problem and visit.ended - visit.began <= SECONDS_PROMPT
            for visit in self.visits
            if visit.kind == PING
        )

    @property
    def corrupt(self) -> int:
        """
        Count the transfers that came back changed.
        """
        return sum(visit.corrupt for visit in self.visits)

    def recovery(self, struck: Struck, kind: str) -> float | None:
        """
        Give the seconds from a fault until a visit that was begun after it came through; L{None} if
        none has.
        """
        ends = [
            visit.ended for visit in self.of(kind) if visit.began >= struck.at and not visit.problem
        ]
        return min(ends) - struck.at if ends else None

    @property
    def recovered(self) -> bool:
        """
        Whether visits of both kinds have come through since the last fault.
        """
        return all(
            self.recovery(struck, kind) is not None
            for struck in self.struck[-1:]
            for kind in (PING, TRANSFER)
        )


def _share(outcomes: Iterable[bool]) -> float:
    counted = list(outcomes)
    return sum(counted) / len(counted) if counted else 0.0
