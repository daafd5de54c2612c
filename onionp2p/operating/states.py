# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What listeners, tor and dials are, as operators see them: values, and their names in a status file.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from onionp2p.events import (
    Attached,
    Event,
    Published,
    Reachable,
    Repairing,
    Starting,
    Stopped,
    Unreachable,
)

__all__ = [
    "LONGEST_TEXT",
    "DialCounts",
    "ListenerEvent",
    "ListenerState",
    "ListenerStatus",
    "TorState",
    "TorStatus",
]

LONGEST_TEXT = 300
"""
Characters that are kept of a text from elsewhere.
"""

ListenerEvent = Starting | Published | Attached | Reachable | Unreachable | Repairing | Stopped
"""What may happen to a listener."""


class ListenerState(Enum):
    """
    What a listener is.

    @ivar well: whether strangers can reach it, as far as is known.
    """

    STARTING = "starting"
    PUBLISHED = "published"
    ATTACHED = "attached"
    REACHABLE = "reachable"
    UNREACHABLE = "unreachable"
    REPAIRING = "repairing"
    STOPPED = "stopped"

    @property
    def well(self) -> bool:
        return self in {
            ListenerState.PUBLISHED,
            ListenerState.ATTACHED,
            ListenerState.REACHABLE,
        }

    @property
    def lost(self) -> bool:
        """
        Whether strangers could reach it, or were to, and can't.
        """
        return self in {ListenerState.UNREACHABLE, ListenerState.REPAIRING}

    @classmethod
    def after(cls, event: ListenerEvent) -> ListenerState:
        """
        Tell what a listener is once something has happened to it.
        """
        return _AFTER[type(event)]


_AFTER: dict[type[Event], ListenerState] = {
    Starting: ListenerState.STARTING,
    Published: ListenerState.PUBLISHED,
    Attached: ListenerState.ATTACHED,
    Reachable: ListenerState.REACHABLE,
    Unreachable: ListenerState.UNREACHABLE,
    Repairing: ListenerState.REPAIRING,
    Stopped: ListenerState.STOPPED,
}


@dataclass(frozen=True)
class ListenerStatus:
    """
    One listener.

    @ivar address: its multiaddr.
    @ivar since: when it came to be what it is, in seconds since 1970.
    @ivar cause: why it can't be reached, for people; stays until it can be.
    @ivar detail: more of that, or what is done about it.
    """

    address: str
    state: ListenerState
    since: float
    cause: str = ""
    detail: str = ""


class TorState(Enum):
    """
    What our tor is.
    """

    UNKNOWN = "unknown"
    BOOTSTRAPPING = "bootstrapping"
    STUCK = "stuck"
    READY = "ready"
    ENDED = "ended"


@dataclass(frozen=True)
class TorStatus:
    """
    Our tor; of several, the one that was heard of last.

    @ivar percent: of its bootstrap.
    @ivar summary: what it does, or why it does not, for people.
    """

    state: TorState = TorState.UNKNOWN
    percent: int = 0
    summary: str = ""


@dataclass(frozen=True)
class DialCounts:
    """
    How many dials came through, failed for good or were cancelled, and how often one was retried.
    """

    connected: int = 0
    failed: int = 0
    cancelled: int = 0
    retried: int = 0
