# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Places on this machine where programs listen, tor among them: UNIX sockets, and ports of its own
network.

A user writes one as C{unix:/path}, C{tcp:127.0.0.1:N} or C{tcp:[::1]:N}, or in short as a port or a
path (C{control=9051}, C{socks=/run/tor/socks}).  Everywhere inside it is a L{Place}.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote

from twisted.internet.defer import Deferred, fail
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    UNIXClientEndpoint,
)
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import (
    IConnector,
    IProtocol,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import ClientFactory

from onionp2p.leaks.passage import passage
from onionp2p.local.folders import expandHome
from onionp2p.local.quiet import quietFactory

__all__ = ["LONGEST_PATH", "LOOPBACK", "TOO_LONG", "Place", "PortOrPath"]

LOOPBACK = "127.0.0.1"  # nothing is looked up, and nobody else is asked
# sockaddr_un holds 104 bytes on macOS and 108 on Linux, one of them the closing NUL.
LONGEST_PATH = 103 if sys.platform == "darwin" else 107
TOO_LONG = f"the path of a socket has at most {LONGEST_PATH} bytes"

PortOrPath = int | str
"""
A TCP port of 127.0.0.1, or the path of a UNIX socket, in which C{~} is the user's home.
"""

_TCP = re.compile(r"(\[[^\]]*\]|[^:]*):([0-9]{1,5})", re.ASCII)
# Tor takes no quotes, spaces or escapes in the path of a target.
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9._/+@,~=:%-]*", re.ASCII)
_EXPECTED = "unix:/path or tcp:127.0.0.1:PORT is expected"


@dataclass(frozen=True)
class Place:
    """
    Where a program listens, or is to listen.  C{str()} of it is how it is written.

    @ivar path: of a UNIX socket, absolute; of a port, empty.
    @ivar host: of a port: an address of this machine's own network.
    @ivar port: 0 for any that is free.
    """

    path: str = ""
    host: str = LOOPBACK
    port: int = 0

    @classmethod
    def of(cls, written: PortOrPath) -> Place:
        """
        Give what is meant by a port or a path, for the user who runs us now.
        """
        if isinstance(written, int):
            return cls(port=written)
        return cls(path=expandHome(written))

    @classmethod
    def fromString(cls, text: str) -> Place:
        """
        Read C{unix:PATH}, C{tcp:127.0.0.1:PORT} or C{tcp:[::1]:PORT}.  Nothing is looked up.

        @raise ValueError: says what was expected, or why that place is refused.
        """
        kind, _, rest = text.partition(":")
        if kind == "unix" and rest:
            return _place(rest)
        match = _TCP.fullmatch(rest) if kind == "tcp" else None
        if match is None:
            raise ValueError(f"{_EXPECTED}, not {text[:80]!r}")
        port = int(match[2])
        if port > 65535:
            raise ValueError(f"{_EXPECTED}, and a port is at most 65535")
        return cls(host=_checkedHost(match[1].strip("[]")), port=port)

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path else f"tcp:{self.name}"

    @property
    def name(self) -> str:
        """
        What people know it by: the path, or address and port.
        """
        if self.path:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def multiaddr(self) -> str:
        """
        The same as libp2p's programs write it.  A UNIX path stands in it as js-libp2p has it, in
        one piece, percent-encoded.
        """
        if self.path:
            return f"/unix/{quote(self.path, safe='')}"
        return f"/ip{6 if ':' in self.host else 4}/{self.host}/tcp/{self.port}"

    @property
    def ofTor(self) -> str:
        """
        The same as tor's C{Port=} and C{HiddenServicePort} have it (control-spec, section 3.27).

        @raise ValueError: if tor could not be told of it.
        """
        if not self.path:
            return self.name
        if self.isTooLong or not _PLAIN_PATH.fullmatch(self.path):
            raise ValueError(
                f"{self.path!a}: tor takes only short paths of plain letters, digits and"
                " ._/+@,~=:%-."
            )
        return str(self)

    @property
    def isTooLong(self) -> bool:
        """
        Whether no socket can have such a path.
        """
        return len(os.fsencode(self.path)) > LONGEST_PATH

    def connect(self, reactor: Any, protocol: IProtocol, timeout: float) -> Deferred[IProtocol]:
        """
        Connect a protocol to who listens there.

        @param timeout: how long that may take, in seconds.

        @return: fires with the protocol; fails with a C{ConnectError}.
        """
        endpoint: IStreamClientEndpoint
        # Twisted says nothing until the time is over, and forgets to close a socket.
        if self.isTooLong:
            return fail(ConnectError(string=TOO_LONG))
        if self.path:
            endpoint = UNIXClientEndpoint(reactor, self.path, timeout=timeout)
        elif ":" in self.host:
            endpoint = TCP6ClientEndpoint(reactor, self.host, self.port, timeout=timeout)
        else:
            endpoint = TCP4ClientEndpoint(reactor, self.host, self.port, timeout=timeout)
        with passage():
            return endpoint.connect(quietFactory(protocol))

    def connectFactory(self, reactor: Any, factory: ClientFactory) -> IConnector:
        """
        Do so as Twisted's reactors do, without a deadline: nothing stands between the socket and
        the factory's protocol.

        @raise OSError: if there can be no UNIX socket; of a port, the factory hears.
        """
        connector: IConnector
        if self.isTooLong:
            raise OSError(errno.ENAMETOOLONG, TOO_LONG)
        if self.path:
            connector = reactor.connectUNIX(self.path, factory, timeout=None)
        else:
            with passage():
                connector = reactor.connectTCP(self.host, self.port, factory, timeout=None)
        return connector


def _place(path: str) -> Place:
    place = Place(path=os.path.abspath(expandHome(path)))
    if not place.path.isprintable():
        raise ValueError("the path of a socket has only printable characters")
    if place.isTooLong:
        raise ValueError(f"{TOO_LONG}: choose another")
    return place


def _checkedHost(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        raise ValueError(
            f"{text[:80]!r} is no address, and names are not looked up: write 127.0.0.1"
        ) from None
    if not address.is_loopback:
        raise ValueError(
            f"{text} can be reached from outside of this machine, and who listens there shows who"
            " serves the onion: use 127.0.0.1, or unix:/path"
        )
    return str(address)
