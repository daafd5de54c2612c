# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How much is carried: what may be, and what was.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Counts", "Limits", "TooManyConnections"]


class TooManyConnections(Exception):
    """
    As many connections are carried, or dialled for, as may be at a time.
    """

    def __str__(self) -> str:
        return "too many are there already."


@dataclass(frozen=True)
class Limits:
    """
    How much is carried.

    @ivar connections: how many at a time.
    @ivar pending: how many of them may wait at a time for whom is dialled.
    @ivar seconds: how long each may wait.
    """

    connections: int = 1000
    pending: int = 1000
    seconds: float = 60.0


@dataclass(frozen=True)
class Counts:
    """
    What was carried until now.

    @ivar accepted: how many connections have come in.
    @ivar refused: how many of them were closed at once since there was no room.
    @ivar failed: how many were closed since whom they were for could not be reached.
    @ivar sent: how many bytes went there, of connections that have ended.
    @ivar received: how many came back.
    """

    accepted: int = 0
    refused: int = 0
    failed: int = 0
    sent: int = 0
    received: int = 0
