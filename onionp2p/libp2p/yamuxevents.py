# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What may happen to a yamux session and its streams by the peer's doing.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "Event",
    "Received",
    "StreamFinished",
    "StreamOpened",
    "StreamReset",
    "WentAway",
    "WindowOpened",
]


@dataclass(frozen=True, slots=True)
class Event:
    """
    Something happened to a stream.
    """

    stream: int


class StreamOpened(Event):
    """
    The peer opened it.
    """


@dataclass(frozen=True, slots=True)
class Received(Event):
    """
    The peer sent data; L{onionp2p.libp2p.yamux.Session.consumed} is to be told once it was read.
    """

    data: bytes


class WindowOpened(Event):
    """
    The peer has room for data again, after it had none.
    """


class StreamFinished(Event):
    """
    The peer sends no more.
    """


class StreamReset(Event):
    """
    The peer ended it at once.
    """


@dataclass(frozen=True, slots=True)
class WentAway(Event):
    """
    The peer takes no new streams, and opens none.  The stream's number is 0.

    @ivar code: why; a number of L{onionp2p.libp2p.frames.Code}, or any other.
    """

    code: int
