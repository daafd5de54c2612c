# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Where a fake tor listens and where it delivers: UNIX sockets, and ports of 127.0.0.1.
"""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import NoRouteError
from twisted.internet.interfaces import IListeningPort, IProtocol, IProtocolFactory

from onionp2p.local.places import LOOPBACK, Place

__all__ = ["connectTo", "listenAt", "nameOf", "parsePlace"]

_SECONDS_TO_CONNECT = 30.0
_UNIX = re.compile(r'(?:unix:)?(?:"(/[^"]*)"|(/\S*))(?: .*)?')
_TCP = re.compile(r"(?:([^\s:]+|\[[0-9a-fA-F:]+\]):)?([0-9]{1,5}|auto)(?: .*)?")


def parsePlace(text: str) -> Place:
    """
    Read what tor takes for C{SocksPort}, C{ControlPort} or a service's target.

    @raise ValueError: if it is none of them.
    """
    if unix := _UNIX.fullmatch(text):
        return Place(path=unix[1] or unix[2])
    tcp = _TCP.fullmatch(text)
    port = 0 if tcp is None or tcp[2] == "auto" else int(tcp[2])
    if tcp is None or port > 65535:
        raise ValueError(f"neither a path nor a port: {text}")
    return Place(host=tcp[1] or LOOPBACK, port=port)


def listenAt(reactor: Any, place: Place, factory: IProtocolFactory) -> IListeningPort:
    """
    Listen.

    @raise CannotListenError: if that can't be.
    """
    port: IListeningPort
    if place.path:
        port = reactor.listenUNIX(place.path, factory, mode=0o600)
    else:
        port = reactor.listenTCP(place.port, factory, interface=place.host)
    return port


def connectTo(reactor: Any, text: str, protocol: IProtocol) -> Deferred[Any]:
    """
    Connect to who listens at a place, as tor takes it.

    @return: fails with C{ConnectError}; hosts but 127.0.0.1 are not even tried.

    @raise ValueError: if it is none.
    """
    place = parsePlace(text)
    if not place.path and place.host != LOOPBACK:
        return fail(NoRouteError())
    return place.connect(reactor, protocol, _SECONDS_TO_CONNECT)


def nameOf(port: IListeningPort) -> str:
    """
    Name a port as tor does: C{unix:/path} or C{127.0.0.1:9050}.
    """
    host: Any = port.getHost()
    if isinstance(host, UNIXAddress):
        return f"unix:{host.name.decode()}" if host.name else "unix:"
    return f"{host.host}:{host.port}"
