# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Places on this machine where programs listen: C{unix:/path}, C{tcp:127.0.0.1:N}, C{tcp:[::1]:N}.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    UNIXClientEndpoint,
)
from twisted.internet.interfaces import IProtocol, IStreamClientEndpoint

from onionp2p.leaks.passage import passage
from onionp2p.local.folders import expandHome
from onionp2p.local.quiet import quietFactory
from onionp2p.local.sockets import LONGEST_PATH

__all__ = ["Place"]

_TCP = re.compile(r"(\[[^\]]*\]|[^:]*):([0-9]{1,5})", re.ASCII)
_EXPECTED = "unix:/path or tcp:127.0.0.1:PORT is expected"


@dataclass(frozen=True)
class Place:
    """
    Where a program listens, or is to listen.  C{str()} of it is how it is written.

    @ivar path: of a UNIX socket, absolute; or empty.
    @ivar host: or an address of this machine's own network.
    @ivar port: and a port there; 0 for any that is free.
    """

    path: str = ""
    host: str = ""
    port: int = 0

    @classmethod
    def fromString(cls, text: str) -> Place:
        """
        Read C{unix:PATH}, C{tcp:127.0.0.1:PORT} or C{tcp:[::1]:PORT}.  Nothing is looked up.

        @raise ValueError: says what was expected, or why that place is refused.
        """
        kind, _, rest = text.partition(":")
        if kind == "unix" and rest:
            return cls(path=_checkedPath(rest))
        match = _TCP.fullmatch(rest) if kind == "tcp" else None
        if match is None:
            raise ValueError(f"{_EXPECTED}, not {text[:80]!r}")
        port = int(match[2])
        if port > 65535:
            raise ValueError(f"{_EXPECTED}, and a port is at most 65535")
        return cls(host=_checkedHost(match[1].strip("[]")), port=port)

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"tcp:[{self.host}]:{self.port}" if ":" in self.host else self._pair("tcp:")

    def _pair(self, prefix: str) -> str:
        return f"{prefix}{self.host}:{self.port}"

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
        The same as tor's C{Port=} has it (control-spec, section 3.27).
        """
        return str(self) if self.path else str(self).removeprefix("tcp:")

    def connect(self, reactor: Any, protocol: IProtocol, timeout: float) -> Deferred[IProtocol]:
        """
        Connect a protocol to who listens there.

        @param timeout: how long that may take, in seconds.

        @return: fires with the protocol; fails with a C{ConnectError}.
        """
        endpoint: IStreamClientEndpoint
        if self.path:
            endpoint = UNIXClientEndpoint(reactor, self.path, timeout=timeout)
        elif ":" in self.host:
            endpoint = TCP6ClientEndpoint(reactor, self.host, self.port, timeout=timeout)
        else:
            endpoint = TCP4ClientEndpoint(reactor, self.host, self.port, timeout=timeout)
        with passage():
            return endpoint.connect(quietFactory(protocol))


def _checkedPath(text: str) -> str:
    path = os.path.abspath(expandHome(text))
    if not path.isprintable():
        raise ValueError("the path of a socket has only printable characters")
    # Of a longer one Twisted would tell after its time-out, and forget to close a socket.
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise ValueError(f"the path of a socket has at most {LONGEST_PATH} bytes: choose another")
    return path


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
