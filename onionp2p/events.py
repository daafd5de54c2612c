# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What an endpoint tells its observer while C{listen()} or C{connect()} is under way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from onionp2p.errors import DialError
    from onionp2p.tor.bootstrap import Progress

__all__ = ["Event", "EventObserver", "Retrying"]


@dataclass(frozen=True)
class Retrying:
    """
    A dial has failed in a way that may pass, and is tried again.

    @ivar attempts: how many there have been.
    @ivar error: what the last one failed with; says whom it was to reach, shortened.
    @ivar pause: how long until the next one, in seconds.
    """

    attempts: int
    error: DialError
    pause: float

    def __str__(self) -> str:
        return f"{self.error} Attempt {self.attempts + 1} in {self.pause:.1f} s."


Event: TypeAlias = "Progress | Retrying"
"""
A step of tor's bootstrap (L{Progress<onionp2p.tor.bootstrap.Progress>}), or a dial's new attempt.
"""

EventObserver: TypeAlias = Callable[["Event"], None]
