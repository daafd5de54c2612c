# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What the application's protocol sees: a connection between onions.

Theory of operation.  The protocol is connected to the very UNIX socket that leads to tor, so
that no code of ours runs per chunk in either direction; TLS, producers and switching protocols
are Twisted's own.  What the socket tells of this host, and what TCP has and a UNIX socket has
not, is replaced on the transport itself, as Twisted's own C{startTLS} does.

A close lingers.  A UNIX socket that is closed with unread bytes in it is an error to the other end,
and tor then drops what it has not read yet: the last bytes that were written.  So once all is
written we only say that no more comes, and read and drop until tor, which takes that for the end of
both directions, closes.  And when a write fails because tor has closed, what has arrived by then is
delivered first.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress, IProtocol, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import alsoProvides

__all__ = ["presentAsOnion"]

_SECONDS_TO_LINGER = 5.0


class _Linger(Protocol):
    """
    Takes the application's protocol's place once it has closed and all is written.
    """

    def __init__(self, transport: Any) -> None:
        self._application: IProtocol = transport.protocol
        self._deadline = transport.reactor.callLater(_SECONDS_TO_LINGER, transport.abortConnection)

    def dataReceived(self, data: bytes) -> None:
        """
        Drop what came too late.
        """

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._deadline.active():
            self._deadline.cancel()
        # However it ended: the application had closed it.
        self._application.connectionLost(Failure(ConnectionDone()))


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
    ofItsClass = type(transport)

    def lose(reason: Failure) -> None:
        del transport.connectionLost  # to the class's own, and no cycle is left
        if reason.check(ConnectionLost) and not transport.disconnecting:
            reason = _readTheRest(transport, reason)
        try:
            transport.connectionLost(reason)
        finally:
            ended()

    def linger() -> None:
        with suppress(OSError):  # the other end may have gone
            transport.socket.shutdown(socket.SHUT_WR)
        transport.protocol = _Linger(transport)
        transport.startReading()

    def loseRead(reason: Failure) -> None:
        # Tor has no half-close: the end of one direction is that of the other.
        ofItsClass.readConnectionLost(transport, reason)
        transport.loseConnection()

    transport.connectionLost = lose
    transport.readConnectionLost = loseRead
    transport._postLoseConnection = linger  # noqa: SLF001 - Twisted's hook for when all is written
    transport.getHost = lambda: host
    transport.getPeer = lambda: peer
    # An end of file from us would end both directions.
    transport.loseWriteConnection = _nothing
    transport.getTcpNoDelay = _no
    transport.setTcpNoDelay = _ignore
    transport.getTcpKeepAlive = _no
    transport.setTcpKeepAlive = _ignore
    alsoProvides(transport, ITCPTransport)


def _readTheRest(transport: Any, reason: Failure) -> Failure:
    """
    Deliver what has arrived, when a write has failed because the other end is closed.

    @return: why the connection ended: cleanly, if there is an end behind what was read.
    """
    while True:
        try:
            data = transport.socket.recv(transport.bufferSize)
        except ConnectionResetError:  # it was closed before it had read what we wrote
            data = b""
        except OSError:
            return reason
        if not data:
            return Failure(ConnectionDone())
        transport.protocol.dataReceived(data)


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
