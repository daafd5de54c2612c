# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What comes of a ping.
"""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.interfaces import IAddress

from onionp2p.ping.errors import PingError

__all__ = ["Err", "Ok", "PingEvent"]


@dataclass(frozen=True, slots=True)
class Ok:
    """
    The right echo came in time.

    @ivar rtt: the round trip, in seconds.
    @ivar size: how many bytes went there and back.
    """

    rtt: float
    size: int


@dataclass(frozen=True, slots=True)
class Err:
    """
    It did not.
    """

    reason: PingError


@dataclass(frozen=True, slots=True)
class PingEvent:
    """
    The result of one ping.

    @ivar peer: what the transport's C{getPeer()} says.
    """

    peer: IAddress
    result: Ok | Err
