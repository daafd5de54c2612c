# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Where a fake tor listens and where it delivers: UNIX sockets, and ports of 127.0.0.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, fail
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint
from twisted.internet.error import NoRouteError
from twisted.internet.interfaces import IListeningPort, IProtocol, IProtocolFactory

from onionp2p.local.quiet import quietFactory

__all__ = ["Place", "nameOf"]

_LOOPBACK = "127.0.0.1"
_UNIX = re.compile(r'(?:unix:)?(?:"(/[^"]*)"|(/\S*))(?: .*)?')
_TCP = re.compile(r"(?:([^\s:]+|\[[0-9a-fA-F:]+\]):)?([0-9]{1,5}|auto)(?: .*)?")


@dataclass(frozen=True)
class Place:
    """
    A UNIX socket, or a port of TCP.

    @ivar path: of a UNIX socket; of TCP, nothing.
    @ivar host: of TCP; none but 127.0.0.1 can be reached.
    @ivar port: of TCP; 0 for any that is free.
    """

    path: str = ""
    host: str = _LOOPBACK
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> Place:
        """
        Read what tor takes for C{SocksPort}, C{ControlPort} or a service's target.

        @raise ValueError: if it is none of them.
        """
        if unix := _UNIX.fullmatch(text):
            return cls(path=unix[1] or unix[2])
        tcp = _TCP.fullmatch(text)
        port = 0 if tcp is None or tcp[2] == "auto" else int(tcp[2])
        if tcp is None or port > 65535:
            raise ValueError(f"neither a path nor a port: {text}")
        return cls(host=tcp[1] or _LOOPBACK, port=port)

    def listen(self, reactor: Any, factory: IProtocolFactory) -> IListeningPort:
        """
        Listen there.

        @raise CannotListenError: if that can't be.
        """
        port: IListeningPort
        if self.path:
            port = reactor.listenUNIX(self.path, factory, mode=0o600)
        else:
            port = reactor.listenTCP(self.port, factory, interface=self.host)
        return port

    def connect(self, reactor: Any, protocol: IProtocol) -> Deferred[Any]:
        """
        Connect to who listens there.

        @return: fails with C{ConnectError}; other hosts are not even tried.
        """
        endpoint: UNIXClientEndpoint | TCP4ClientEndpoint
        if self.path:
            endpoint = UNIXClientEndpoint(reactor, self.path)
        elif self.host == _LOOPBACK:
            endpoint = TCP4ClientEndpoint(reactor, self.host, self.port)
        else:
            return fail(NoRouteError())
        connecting: Deferred[Any] = endpoint.connect(quietFactory(protocol))
        return connecting


def nameOf(port: IListeningPort) -> str:
    """
    Name a port as tor does: C{unix:/path} or C{127.0.0.1:9050}.
    """
    host: Any = port.getHost()
    if isinstance(host, UNIXAddress):
        return f"unix:{host.name.decode()}" if host.name else "unix:"
    return f"{host.host}:{host.port}"
