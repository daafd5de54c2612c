# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p ping} over libp2p: a connection with a peer, and a stream of pings on it.
"""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

from onionp2p.libp2p import Connection, Identity, dial
from onionp2p.libp2p.ping import NAME, Pinger, PingsFactory
from onionp2p.ping.results import Ok

__all__ = ["Libp2pPeer"]


class Libp2pPeer:
    """
    A peer of libp2p; see L{onionp2p.cli.pingloop.Peer}.
    """

    hint = ""

    def __init__(
        self,
        reactor: IReactorTime,
        endpoint: IStreamClientEndpoint,
        timeout: float,
        identity: Identity,
        peerID: str | None,
    ) -> None:
        """
        @param timeout: seconds that an echo may take.
        @param identity: who we are.
        @param peerID: who the peer must be, or L{None} if it may be anybody.
        """
        self._reactor = reactor
        self._endpoint = endpoint
        self._timeout = timeout
        self._identity = identity
        self._peerID = peerID
        self._connection: Connection | None = None
        self._pinger: Pinger | None = None

    @property
    def address(self) -> str:
        assert self._connection is not None
        return str(self._connection.peer)

    async def connect(self) -> Pinger:
        """
        Give what pings the peer on a connection, made anew if there is none.
        """
        if self._connection is None or self._connection.ended or self._pinger is None:
            self._connection = await dial(
                self._reactor,
                self._endpoint,
                self._identity,
                peerID=self._peerID,
                handlers={NAME: PingsFactory()},
            )
            self._pinger = Pinger(self._reactor, self._connection, timeout=self._timeout)
            await self._pinger.open()
        return self._pinger

    async def ping(self) -> Ok:
        return await (await self.connect()).ping()

    async def disconnect(self) -> None:
        if self._connection is not None and self._pinger is not None:
            await self._pinger.close()
            await self._connection.close()
