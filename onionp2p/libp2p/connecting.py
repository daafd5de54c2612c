# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
libp2p over any Twisted endpoint: a factory to listen with, and a way to dial.
"""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory

from onionp2p.address import OnionAddress
from onionp2p.libp2p.connection import Connection
from onionp2p.libp2p.identity import Identity
from onionp2p.libp2p.limits import Limits
from onionp2p.peerid import decodePeerID
from onionp2p.protocolname import checkProtocolName

__all__ = ["ConnectionFactory", "dial"]


class ConnectionFactory(Factory):
    """
    Makes a libp2p connection of each connection that comes in.

    @ivar connections: those that there are.
    @ivar handlers: what builds the protocols of streams, by their names.  Changes are for the
        connections too that there are.
    """

    noisy = False

    def __init__(
        self,
        clock: IReactorTime,
        identity: Identity,
        handlers: Mapping[str, IProtocolFactory],
        *,
        onion: OnionAddress | None = None,
        limits: Limits | None = None,
    ) -> None:
        """
        @param clock: schedules deadlines; the reactor.
        @param identity: who we are.
        @param handlers: what builds the protocols of streams, by their names.
        @param onion: where we can be reached, for peers to be told; may be set later.

        @raise ValueError: if a name can't be a protocol's.
        """
        self._clock = clock
        self._identity = identity
        self.handlers = {checkProtocolName(name): factory for name, factory in handlers.items()}
        self.onion = onion
        self._limits = limits
        self.connections: set[Connection] = set()

    def doStart(self) -> None:
        for factory in self.handlers.values():
            factory.doStart()

    def doStop(self) -> None:
        for factory in self.handlers.values():
            factory.doStop()

    def buildProtocol(self, addr: IAddress | None) -> Connection:
        connection = Connection(
            self._clock,
            self._identity,
            self.handlers,
            dialer=False,
            onion=self.onion,
            limits=self._limits,
        )
        self.connections.add(connection)
        connection.whenEnded().addCallback(lambda _: self.connections.discard(connection))
        return connection


class _Once(Factory):
    """
    Gives a connection that there is.
    """

    noisy = False

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def buildProtocol(self, addr: IAddress | None) -> Connection:
        return self._connection


def dial(
    clock: IReactorTime,
    endpoint: IStreamClientEndpoint,
    identity: Identity,
    *,
    peerID: str | None = None,
    handlers: Mapping[str, IProtocolFactory] | None = None,
    onion: OnionAddress | None = None,
    limits: Limits | None = None,
) -> Deferred[Connection]:
    """
    Connect to a libp2p peer.

    @param clock: schedules deadlines; the reactor.
    @param endpoint: where the peer is.
    @param identity: who we are.
    @param peerID: who the peer must be, as text.
    @param handlers: what builds the protocols of streams that the peer opens, by their names.
    @param onion: where we can be reached, for the peer to be told.

    @return: fires with the connection once streams can be opened; fails as the endpoint does, or
        with a L{Libp2pError}.  May be cancelled.

    @raise ValueError: if C{peerID} is none, or a name can't be a protocol's.
    """
    connection = Connection(
        clock,
        identity,
        {checkProtocolName(name): factory for name, factory in (handlers or {}).items()},
        dialer=True,
        expected=None if peerID is None else decodePeerID(peerID),
        onion=onion,
        limits=limits,
    )
    return Deferred.fromCoroutine(_connect(endpoint, connection))


async def _connect(endpoint: IStreamClientEndpoint, connection: Connection) -> Connection:
    await endpoint.connect(_Once(connection))
    try:
        return await connection.whenReady()
    except BaseException:
        connection.abort()
        raise
