# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What happens to a tor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from twisted.logger import LogLevel

from onionp2p.events.event import Event

__all__ = ["Progress", "TorEnded"]


@dataclass(frozen=True)
class Progress(Event):
    """
    How far a tor is in reaching its network (control-spec, section 5.5).

    @ivar percent: 0 to 100.
    @ivar tag: what it does now, as a word: C{"loading_descriptors"}.
    @ivar summary: the same, for people.
    @ivar warning: what keeps it from going on, if anything, for people.
    """

    percent: int
    tag: str
    summary: str
    warning: str = ""

    @property
    def level(self) -> Any:
        """
        How much an operator cares: C{warn} where something is in the way, C{info} otherwise.
        """
        return LogLevel.warn if self.warning else LogLevel.info

    def __str__(self) -> str:
        if self.warning:
            return f"tor is stuck at {self.percent}% ({self.summary}): {self.warning}"
        return f"tor bootstrapped {self.percent}%: {self.summary}"


@dataclass(frozen=True)
class TorEnded(Event):
    """
    A tor that is in use has gone; another one is launched, or the way to it sought again.

    @ivar why: what is known of it.
    @ivar pause: how long until then, in seconds.
    """

    level = LogLevel.error

    why: Exception
    pause: float

    def __str__(self) -> str:
        return f"{self.why} Starting again in {self.pause:.1f} s."
