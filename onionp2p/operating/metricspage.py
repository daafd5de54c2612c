# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The page that Prometheus reads, C{/metrics}, and the server of it.

This imports twisted.web, so it is imported late: every program that lists its plugins would pay.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from twisted.internet.interfaces import IAddress, ITCPTransport
from twisted.protocols.policies import WrappingFactory
from twisted.web.http import FORBIDDEN, NOT_ALLOWED, NOT_FOUND, Request
from twisted.web.resource import Resource
from twisted.web.server import Site

__all__ = ["MOST_VISITORS", "MetricsServer"]

MOST_VISITORS = 20
"""How many may be connected at a time: descriptors are for the onion."""

_SECONDS_IDLE = 60.0
_TEXT_FORMAT = b"text/plain; version=0.0.4; charset=utf-8"
_THIS_MACHINE = {b"127.0.0.1", b"::1", b"localhost"}


class _Page(Resource):
    # It answers for all there is: of the errors of twisted.web's own, some warn of themselves.
    isLeaf = True

    def __init__(self, text: Callable[[], bytes], *, anyHost: bool) -> None:
        Resource.__init__(cast("Any", self))
        self._text = text
        self._anyHost = anyHost

    def render(self, request: Request) -> bytes:
        request.setHeader(b"content-type", _TEXT_FORMAT)
        if not self._anyHost and request.getRequestHostname() not in _THIS_MACHINE:
            # A web page in a browser here, whose name leads to this machine by now (DNS rebinding).
            request.setResponseCode(FORBIDDEN)
        elif request.method not in {b"GET", b"HEAD"}:
            request.setResponseCode(NOT_ALLOWED)
            request.setHeader(b"allow", b"GET, HEAD")
        elif request.path != b"/metrics":
            request.setResponseCode(NOT_FOUND)
        elif request.method == b"GET":
            return self._text()
        return b""


class _QuietSite(Site):
    noisy = False

    def log(self, request: Request) -> None:
        """
        Keep the log for what happens: the page is read every few seconds.
        """


if TYPE_CHECKING:
    _Wrapping: TypeAlias = WrappingFactory[Any]
else:
    _Wrapping = WrappingFactory  # no generic class yet in the oldest Twisted that we run on


class MetricsServer(_Wrapping):
    """
    Serves the page, to a few at a time.
    """

    noisy = False

    def __init__(self, reactor: Any, text: Callable[[], bytes], *, anyHost: bool) -> None:
        """
        @param text: gives the metrics.
        @param anyHost: whether they are read by any name; else by those of this machine alone, as
            at a port, where web pages in a browser can ask too.
        """
        untyped: Any = _QuietSite
        site = untyped(_Page(text, anyHost=anyHost), timeout=_SECONDS_IDLE, reactor=reactor)
        WrappingFactory.__init__(cast("Any", self), site)

    def buildProtocol(self, addr: IAddress | None) -> Any:
        return super().buildProtocol(addr) if len(self.protocols) < MOST_VISITORS else None

    def dismissAll(self) -> None:
        """
        Close all connections.
        """
        for visitor in list(self.protocols):
            cast("ITCPTransport", visitor.transport).abortConnection()
