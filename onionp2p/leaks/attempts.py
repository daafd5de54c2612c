# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What Python's audit events of sockets say: from an event's arguments to an L{Attempt}.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["READERS", "Attempt"]

# Sockets of these lead to the kernel and to programs on this machine.
_LOCAL = {
    getattr(socket, name)
    for name in ("AF_UNIX", "AF_NETLINK", "AF_ALG", "AF_SYSTEM")
    if hasattr(socket, name)
}
# An onion's, in any case, with or without what follows: its first characters, and the others.
_LABEL = re.compile("([a-z2-7]{6})[a-z2-7]{50}", re.IGNORECASE)
# The kernel knows: an existing descriptor is made a socket of Python's.
_UNKNOWN = -1


@dataclass(frozen=True)
class Attempt:
    """
    Something that is about to be done.

    @ivar call: the function of the module C{socket}, or the method of a socket; C{socket} itself
        when one is made.
    @ivar host: whom it is about, as the program named it; empty for any address.
    @ivar port: which port there, if that is known.
    @ivar socket: with which socket, if any.
    """

    call: str
    host: str
    port: int | None = None
    socket: Any = None

    def __str__(self) -> str:
        # No log of ours holds the whole address of a dialled peer.
        host = _LABEL.sub(r"\1…", self.host)
        host = f"[{host}]" if ":" in host else host or "*"
        return f"{self.call}({host}{'' if self.port is None else f':{self.port}'})"


def _making(made: Any, family: int, kind: int, protocol: int) -> Attempt | None:
    if family in _LOCAL or family == _UNKNOWN:
        return None
    name = {int(each): each.name for each in socket.AddressFamily}.get(family, f"family {family}")
    return Attempt("socket", name, socket=made)


def _reaching(call: str) -> Callable[..., Attempt | None]:
    def read(used: Any, address: Any) -> Attempt | None:
        # Without an address it goes on a connection that is there.
        if used.family in _LOCAL or address is None:
            return None
        if isinstance(address, tuple) and len(address) > 1:
            return Attempt(call, _text(address[0]), _number(address[1]), used)
        return Attempt(call, _text(address), socket=used)

    return read


def _lookingUp(call: str) -> Callable[..., Attempt | None]:
    def read(host: Any, port: Any = None, *others: Any) -> Attempt | None:
        if isinstance(host, tuple):  # of getnameinfo
            host, port = (*host, None)[:2]
        return Attempt(call, _text(host), _number(port))

    return read


def _text(host: Any) -> str:
    if isinstance(host, (bytes, bytearray)):
        return host.decode("utf-8", "replace")
    return "" if host is None else str(host)


def _number(port: Any) -> int | None:
    if isinstance(port, (str, bytes)) and port.isdigit():
        return int(port)
    return port if isinstance(port, int) else None


READERS: dict[str, Callable[..., Attempt | None]] = {
    "socket.__new__": _making,
    **{f"socket.{call}": _reaching(call) for call in ("bind", "connect", "sendmsg", "sendto")},
    **{
        f"socket.{call}": _lookingUp(call)
        for call in ("getaddrinfo", "gethostbyaddr", "gethostbyname", "getnameinfo")
    },
}
"""The audit events to be heard, and how each is read; L{None} is for what stays on this machine."""
