# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What the application's protocol sees: a connection between onions.

Theory of operation.  The protocol is connected to the very socket that leads to tor, so that no
code of ours runs per chunk in either direction; TLS, producers and switching protocols are
Twisted's own.  What the socket tells of this host, and what TCP has and a UNIX socket has not, is
replaced by a subclass that the transport is given.

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
from twisted.internet.tcp import Connection
from twisted.python.failure import Failure
from zope.interface import implementer

__all__ = ["OnionConnection", "isOnion", "onionClass", "presentAsOnion"]

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


class _OnionTransport:
    """
    What a transport of Twisted's becomes, in front of its own class.
    """

    _onionHost: IAddress
    _onionPeer: IAddress
    _onionEnded: Callable[[], None]

    def getHost(self) -> IAddress:
        return self._onionHost

    def getPeer(self) -> IAddress:
        return self._onionPeer

    def connectionLost(self: Any, reason: Failure) -> None:
        if reason.check(ConnectionLost):
            reason = self._whyLost(reason)
        try:
            super().connectionLost(reason)  # type: ignore[misc]
        finally:
            # It may not have been presented yet; and it is told once.
            vars(self).pop("_onionEnded", _nothing)()

    def _whyLost(self: Any, reason: Failure) -> Failure:
        """
        Give what TCP would give where a write has failed because the other end is closed.
        """
        if not self.disconnecting:
            return _readTheRest(self, reason)
        # We close, and so does it; only what is not written yet is lost.
        unwritten = self.dataBuffer or self._tempDataBuffer
        return reason if unwritten else Failure(ConnectionDone())

    def readConnectionLost(self: Any, reason: Failure) -> None:
        # Tor has no half-close: the end of one direction is that of the other.
        super().readConnectionLost(reason)  # type: ignore[misc]
        self.loseConnection()

    def _postLoseConnection(self: Any) -> None:
        """
        Twisted's hook for when all is written.
        """
        with suppress(OSError):  # the other end may have gone
            self.socket.shutdown(socket.SHUT_WR)
        self.protocol = _Linger(self)
        self.startReading()

    def loseWriteConnection(self) -> None:
        """
        What was written is sent; an end of file from us would end both directions.
        """

    # The socket is a local one, and what tor does is tor's.

    def getTcpNoDelay(self) -> bool:
        return False

    def setTcpNoDelay(self, enabled: bool) -> None:
        """
        Do nothing.
        """

    def getTcpKeepAlive(self) -> bool:
        return False

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """
        Do nothing.
        """


_classes: dict[type, type] = {}


def onionClass(ofTwisted: type) -> type:
    """
    Give the class of transports between onions for one of Twisted's.

    A port that makes its transports of it saves half of what they take: a change of class costs
    them the keys that their dictionaries share.
    """
    if ofTwisted not in _classes:
        ours = type(f"Onion{ofTwisted.__name__}", (_OnionTransport, ofTwisted), {})
        _classes[ofTwisted] = implementer(ITCPTransport)(ours)
    return _classes[ofTwisted]


class OnionConnection(_OnionTransport, Connection):  # type: ignore[misc]  # as to protocol
    """
    A connection that we have dialled, on the socket by which tor was asked for it.
    """

    _tlsClientDefault = True
    logstr = "onion,client"

    def __init__(
        self,
        asked: Any,
        protocol: IProtocol,
        host: IAddress,
        peer: IAddress,
        ended: Callable[[], None],
    ) -> None:
        """
        @param asked: the transport that has the socket; is of no use any more.
        @param protocol: the application's.
        @param host: what C{getHost()} returns.
        @param peer: what C{getPeer()} returns.
        @param ended: called once, after the protocol's C{connectionLost}.
        """
        asked.stopReading()
        Connection.__init__(self, asked.socket, protocol, asked.reactor)
        self.connected = 1
        self._onionHost, self._onionPeer, self._onionEnded = host, peer, ended
        self.startReading()  # type: ignore[no-untyped-call]


def presentAsOnion(
    transport: Any, host: IAddress, peer: IAddress, ended: Callable[[], None]
) -> None:
    """
    Make the transport of a connected local socket one between onions.

    @param transport: a transport of Twisted's; is changed in place.
    @param host: what C{getHost()} returns from now on.
    @param peer: what C{getPeer()} returns from now on.
    @param ended: called once, after the protocol's C{connectionLost}.
    """
    if not isinstance(transport, _OnionTransport):
        ofTwisted: type = type(transport)
        transport.__class__ = onionClass(ofTwisted)
    transport._onionHost, transport._onionPeer = host, peer  # noqa: SLF001 - it is our class now
    transport._onionEnded = ended  # noqa: SLF001


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
    It was told already.
    """


def isOnion(transport: Any) -> bool:
    """
    Whether a transport is one between onions.
    """
    return isinstance(transport, _OnionTransport)
