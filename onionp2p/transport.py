# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What the application's protocol sees: a connection between onions.

Theory of operation.  The protocol is connected to the very UNIX socket that leads to tor, so
that no code of ours runs per chunk in either direction; TLS, producers and switching protocols
are Twisted's own.  What the socket tells of this host, and what TCP has and a UNIX socket has
not, is replaced on the transport itself, as Twisted's own C{startTLS} does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IAddress, ITCPTransport
from twisted.python.failure import Failure
from zope.interface import alsoProvides

__all__ = ["presentAsOnion"]


def presentAsOnion(
    transport: Any, host: IAddress, peer: IAddress, ended: Callable[[], None]
) -> None:
    """
    Make a connected UNIX socket's transport one between onions (design §3).

    @param transport: a transport of Twisted's; is changed in place.
    @param host: what C{getHost()} returns from now on.
    @param peer: what C{getPeer()} returns from now on.
    @param ended: called once, after the protocol's C{connectionLost}.
    """

    def lose(reason: Failure) -> None:
        del transport.connectionLost  # to the class's own, and no cycle is left
        try:
            transport.connectionLost(reason)
        finally:
            ended()

    transport.connectionLost = lose
    transport.getHost = lambda: host
    transport.getPeer = lambda: peer
    # Tor has no half-close: an end of file from us would end both directions.
    transport.loseWriteConnection = _nothing
    transport.getTcpNoDelay = _no
    transport.setTcpNoDelay = _ignore
    transport.getTcpKeepAlive = _no
    transport.setTcpKeepAlive = _ignore
    alsoProvides(transport, ITCPTransport)


def _nothing() -> None:
    """
    What was written is sent; there is nothing else to do.
    """


def _no() -> bool:
    return False


def _ignore(enabled: bool) -> None:
    """
    The socket is a UNIX one, and what tor does is tor's.
    """
