# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What happens to connections that are carried, and to the places where they come in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from twisted.logger import LogLevel

from onionp2p.events.event import Event

if TYPE_CHECKING:
    from onionp2p.local.places import Place

__all__ = ["Carried", "Carrying", "NotCarried", "Shut", "Warm"]


@dataclass(frozen=True)
class Carrying(Event):
    """
    A connection has come in, and whom it is for is there: it is carried until it is L{Carried}.
    """

    level = LogLevel.debug

    def __str__(self) -> str:
        return "a connection is carried"


@dataclass(frozen=True)
class Carried(Event):
    """
    A carried connection has ended.

    @ivar sent: how many bytes went to whom was dialled.
    @ivar received: how many came back.
    @ivar seconds: how long it lasted.
    """

    level = LogLevel.debug

    sent: int
    received: int
    seconds: float

    def __str__(self) -> str:
        return f"carried {self.sent} bytes there and {self.received} back in {self.seconds:.1f} s"


@dataclass(frozen=True)
class NotCarried(Event):
    """
    A connection was closed at once, since there is nobody to carry it to, or no room.

    @ivar error: why.
    """

    level = LogLevel.warn

    error: BaseException

    def __str__(self) -> str:
        return f"a connection was not carried: {self.error}"


@dataclass(frozen=True)
class Warm(Event):
    """
    A local place leads to an onion from now on.

    @ivar place: the place.
    @ivar seconds: what a connection of our own to the onion took.
    """

    place: Place
    seconds: float

    def __str__(self) -> str:
        return f"reachable at {self.place}"


@dataclass(frozen=True)
class Shut(Event):
    """
    An onion does not answer, or not fast enough: its local place refuses connections until it does.

    @ivar place: the place.
    @ivar why: what is known of it; may be empty.
    """

    level = LogLevel.warn

    place: Place
    why: str

    def __str__(self) -> str:
        why = f": {self.why}" if self.why else "."
        return f"{self.place} refuses connections until the onion answers again{why}"
