# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What happens to a dial.
"""

from __future__ import annotations

from dataclasses import dataclass

from twisted.logger import LogLevel

from onionp2p.events.event import Event

__all__ = ["Connected", "Failed", "Retrying"]


@dataclass(frozen=True)
class Retrying(Event):
    """
    A dial has failed in a way that may pass, and is tried again.

    @ivar attempts: how many there have been.
    @ivar error: what the last one failed with; says whom it was to reach, shortened.
    @ivar pause: how long until the next one, in seconds.
    """

    level = LogLevel.debug

    attempts: int
    error: Exception
    pause: float

    def __str__(self) -> str:
        return f"{self.error} Attempt {self.attempts + 1} in {self.pause:.1f} s."


@dataclass(frozen=True)
class Connected(Event):
    """
    A dial has come through.

    @ivar address: to whom, shortened.
    @ivar seconds: from C{connect()} until now.
    @ivar attempts: how many it took.
    """

    level = LogLevel.debug

    address: str
    seconds: float
    attempts: int

    def __str__(self) -> str:
        return f"connected to {self.address} in {self.seconds:.1f} s"


@dataclass(frozen=True)
class Failed(Event):
    """
    A dial has failed for good, or was cancelled.

    @ivar error: what C{connect()} fails with.
    """

    level = LogLevel.debug

    error: BaseException

    def __str__(self) -> str:
        return str(self.error)
