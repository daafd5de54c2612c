# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
HTTP to onions, by Twisted's own clients.

For example::

    agent = Agent.usingEndpointFactory(reactor, OnionAgentEndpointFactory(reactor))
    response = await agent.request(b"GET", b"http://<56 characters>.onion/")

Whatever takes an agent, such as treq's C{HTTPClient(agent)}, or an agent endpoint factory, such as
C{twisted.web.websocket.WebSocketClientEndpoint}, goes to onions and nowhere else then: every other
host, be it of a redirect, is refused before anything is opened or looked up.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.web.client import URI, BrowserLikePolicyForHTTPS
from twisted.web.error import SchemeNotSupported
from twisted.web.iweb import IAgentEndpointFactory, IPolicyForHTTPS
from zope.interface import implementer

from onionp2p.address import AddressError, OnionAddress
from onionp2p.endpoints import OnionClientEndpoint
from onionp2p.options import DialOptions

if TYPE_CHECKING:
    from onionp2p.events import EventObserver

__all__ = ["NotAnOnion", "OnionAgentEndpointFactory"]

_MOST_ENDPOINTS = 256
_PLAIN = {b"http", b"ws"}
_TLS = {b"https", b"wss"}


class NotAnOnion(SchemeNotSupported, AddressError):
    """
    The host of a URI, or of a redirect, is not the address of an onion service; it was not looked
    up, and nothing was opened.

    It is a C{SchemeNotSupported} since that is the error which
    L{Agent<twisted.web.client.Agent>} makes a failed request of.
    """


@implementer(IAgentEndpointFactory)
class OnionAgentEndpointFactory:
    """
    Makes the endpoints for L{Agent.usingEndpointFactory<twisted.web.client.Agent>}.

    The requests to one onion share circuits with each other, and with those of nobody else: use a
    factory for each identity (and a connection pool and a cookie jar, which would tie them together
    as well).
    """

    def __init__(
        self,
        reactor: Any,
        policyForHTTPS: IPolicyForHTTPS | None = None,
        options: Callable[[OnionAddress], DialOptions] = DialOptions,
        observer: EventObserver | None = None,
    ) -> None:
        """
        @param reactor: as for L{OnionClientEndpoint}.
        @param policyForHTTPS: which certificates C{https://} takes; L{None} for those that browsers
            take, of which few are for onions.
        @param options: gives the options of a dial to an onion's port, as
            C{partial(DialOptions, isolate="dial", timeout=300)} does; for client authorization,
            a function that looks at the address and gives each onion its own C{auth}.
        @param observer: told of what happens while a request waits for its connection
            (L{onionp2p.events}).
        """

        def endpoint(address: OnionAddress) -> OnionClientEndpoint:
            return OnionClientEndpoint(reactor, options(address), observer)

        # An agent asks anew for each request, and the circuits are the endpoint's.
        self._endpoint = lru_cache(_MOST_ENDPOINTS)(endpoint)
        self._policy = policyForHTTPS or BrowserLikePolicyForHTTPS()

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """
        Give what reaches the onion that a URI names, perhaps by a sub-domain, which is the
        server's affair.

        @raise NotAnOnion: if it names none.
        @raise SchemeNotSupported: if it is not for HTTP or WebSockets.
        """
        scheme: bytes = uri.scheme
        if scheme not in _PLAIN | _TLS:
            raise SchemeNotSupported(f"Unsupported scheme: {scheme[:20]!r}")
        endpoint = self._endpoint(_onion(uri))
        if scheme in _PLAIN:
            return endpoint
        return wrapClientTLS(self._policy.creatorForNetloc(uri.host, uri.port), endpoint)


def _onion(uri: URI) -> OnionAddress:
    """
    Give the onion's address.
    """
    host: bytes = uri.host
    if not host.lower().endswith(b".onion"):
        raise NotAnOnion("the host is no onion: this agent reaches onion services alone")
    name = host.decode("ascii", "replace").rsplit(".", 2)[-2]
    try:
        return OnionAddress(name, uri.port)
    except AddressError as problem:
        raise NotAnOnion(str(problem)) from None
