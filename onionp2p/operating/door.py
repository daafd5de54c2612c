# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Where metrics are served: a socket that only this machine reaches.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from twisted.internet.interfaces import IProtocolFactory

from onionp2p.errors import TargetError, TargetInUse
from onionp2p.listening.keptsocket import KeptSocket
from onionp2p.listening.targets import OURS
from onionp2p.local.places import Place

__all__ = ["Door", "parseDoor", "whyNot"]

_MODE = re.compile(r"(unix:.+):mode=([0-7]{3})", re.DOTALL)


@dataclass(frozen=True)
class Door:
    """
    A place to listen.

    @ivar mode: of a UNIX socket: who may connect.
    """

    place: Place
    mode: int = OURS

    def socket(self, reactor: Any, factory: IProtocolFactory) -> KeptSocket:
        """
        Give what listens there, once it is opened.  A socket that a program which was killed has
        left is removed.
        """
        return KeptSocket(reactor, self.place, factory, self.mode)


def whyNot(problem: TargetError) -> str:
    """
    Say why we can't listen at a door.
    """
    if isinstance(problem, TargetInUse):
        return "another program listens there"
    return problem.detail


def parseDoor(text: str) -> Door:
    """
    Read C{unix:PATH}, C{unix:PATH:mode=660}, C{tcp:127.0.0.1:PORT} or C{tcp:[::1]:PORT}, without
    any I/O.

    @raise ValueError: says what was expected, or why that place is refused.
    """
    if match := _MODE.fullmatch(text):
        return Door(Place.fromString(match[1]), int(match[2], 8))
    place = Place.fromString(text)
    if not place.path and not place.port:
        raise ValueError("0 is any port, and nobody would know which: a port is 1 to 65535 here")
    return Door(place)
