# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What happens to a listener.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from twisted.logger import LogLevel

from onionp2p.events.event import Event

if TYPE_CHECKING:
    from onionp2p.address import OnionAddress

__all__ = [
    "Attached",
    "Cause",
    "Published",
    "Reachable",
    "Repairing",
    "Starting",
    "Stopped",
    "Unreachable",
]


@dataclass(frozen=True)
class Starting(Event):
    """
    A listener has an address; nobody can reach it yet.
    """

    level = LogLevel.debug

    address: OnionAddress

    def __str__(self) -> str:
        return f"starting {self.address}"


@dataclass(frozen=True)
class Published(Event):
    """
    Others can look the onion up.
    """

    address: OnionAddress

    def __str__(self) -> str:
        return f"listening on {self.address}"


@dataclass(frozen=True)
class Attached(Event):
    """
    We listen where the tor that serves an onion delivers (C{addr=}).  Whether others can look the
    onion up, and reach it, is for that tor's owner to see.
    """

    address: OnionAddress

    def __str__(self) -> str:
        return f"listening on {self.address}"


@dataclass(frozen=True)
class Reachable(Event):
    """
    A dial of our own came through to the listener.

    @ivar seconds: what it took.
    """

    level = LogLevel.debug

    address: OnionAddress
    seconds: float

    def __str__(self) -> str:
        return f"reachable at {self.address}, in {self.seconds:.1f} s"


class Cause(Enum):
    """
    Why a listener can't be reached, for people.
    """

    TOR_DOWN = "tor is down"
    TOR_SILENT = "tor does not answer"
    NOT_BOOTSTRAPPED = "tor has not reached its network"
    NETWORK_DOWN = "tor says that the network is down"
    NO_DESCRIPTOR = "nobody can look it up"
    NO_INTRODUCTION = "its introduction points don't work"
    TARGET_DEAD = "our own local socket is gone"
    TOO_MANY_FILES = "this process may open no more files"
    NO_SOCKS = "we can't tell, for tor takes no dials of ours"
    OTHER = "a dial of our own failed"


@dataclass(frozen=True)
class Unreachable(Event):
    """
    Others can't reach the listener.
    """

    level = LogLevel.warn

    address: OnionAddress
    cause: Cause
    detail: str = ""

    def __str__(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        return f"unreachable at {self.address}: {self.cause.value}{detail}"


@dataclass(frozen=True)
class Repairing(Event):
    """
    Something is done about a listener that can't be reached.

    @ivar step: what.
    """

    address: OnionAddress
    step: str

    def __str__(self) -> str:
        return f"repairing {self.address}: {self.step}"


@dataclass(frozen=True)
class Stopped(Event):
    """
    A listener is no more: it was stopped, the program ends, or C{listen()} has failed, which says
    why.  This is the last that is told of it.
    """

    level = LogLevel.debug

    address: OnionAddress

    def __str__(self) -> str:
        return f"stopped {self.address}"
