# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Where metrics are served: a socket that only this machine reaches.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory

from onionp2p.address import AddressError, parsePort
from onionp2p.errors import TargetError, TargetInUse
from onionp2p.listening.targets import listenAt, makeWay
from onionp2p.local.folders import expandHome

__all__ = ["Door", "parseDoor"]

_UNIX = re.compile(r"unix:(.+?)(?::mode=([0-7]{3}))?", re.DOTALL)
_TCP = re.compile(r"tcp:(\[[^\]]*\]|[^:]*):([0-9]+)", re.ASCII)
_OURS = 0o600
_BACKLOG = 50


@dataclass(frozen=True)
class Door:
    """
    A place to listen.

    @ivar path: of a UNIX socket, or empty.
    @ivar mode: of it: who may connect.
    @ivar host: or a loopback address, and C{port} there.
    """

    path: str = ""
    mode: int = _OURS
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"unix:{self.path}" if self.path else f"tcp:{host}:{self.port}"

    async def listen(self, reactor: Any, factory: IProtocolFactory) -> IListeningPort:
        """
        Listen there.  A socket that a program which was killed has left is removed.

        @raise CannotListenError: says why not.
        """
        if not self.path:
            listening: IListeningPort = reactor.listenTCP(
                self.port, factory, _BACKLOG, interface=self.host
            )
            return listening
        try:
            await makeWay(reactor, self.path)
            return listenAt(reactor, self.path, factory, self.mode)
        except TargetInUse:
            raise CannotListenError("", self.path, "another program listens there") from None
        except TargetError as problem:
            raise CannotListenError("", self.path, problem.detail) from None


def parseDoor(text: str) -> Door:
    """
    Read C{unix:PATH}, C{unix:PATH:mode=660} or C{tcp:HOST:PORT}, without any I/O.

    @raise ValueError: says what was expected, or why that place is refused.
    """
    if match := _UNIX.fullmatch(text):
        path, mode = match.groups()
        return Door(os.path.abspath(expandHome(path)), int(mode, 8) if mode else _OURS)
    match = _TCP.fullmatch(text)
    if match is None:
        raise ValueError(f"expected unix:PATH or tcp:127.0.0.1:PORT, not {text[:80]!r}")
    host = match[1].strip("[]")
    try:
        local = ip_address(host).is_loopback
    except ValueError:
        raise ValueError(
            f"{host[:80]!r} is no address, and names are not looked up: write 127.0.0.1"
        ) from None
    if not local:
        raise ValueError(
            f"{host} can be reached from outside of this machine, and a door there shows who serves"
            " the onion: use 127.0.0.1 or unix:PATH, and bring it out by what asks who comes"
        )
    try:
        return Door(host=host, port=parsePort(match[2]))
    except AddressError as problem:
        raise ValueError(str(problem)) from None
