# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
One libp2p protocol at any server endpoint, for its peers alone: as C{protocol=} is for an onion.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from zope.interface import implementer

from onionp2p.address import OnionAddress
from onionp2p.libp2p.connecting import ConnectionFactory
from onionp2p.libp2p.identityfile import holdIdentityFile
from onionp2p.libp2p.limits import OF_LISTENERS
from onionp2p.libp2p.peeraddress import PeerAddress, peerAddress
from onionp2p.waiting.cancelling import cancellable

__all__ = ["PeerServerEndpoint"]


@implementer(IStreamServerEndpoint)
class PeerServerEndpoint:
    """
    Listens at another endpoint for libp2p peers.
    """

    def __init__(
        self, reactor: Any, endpoint: IStreamServerEndpoint, name: str, identity: str | None
    ) -> None:
        """
        @param name: the protocol's.
        @param identity: the file with who we are, or L{None} for somebody new.
        """
        self._reactor = reactor
        self._endpoint = endpoint
        self._name = name
        self._identity = identity

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """
        Listen.

        @param protocolFactory: builds what is on each stream.

        @return: fires with the port, whose C{getHost()} has our peer id; fails as the other
            endpoint does, or if the identity can't be had.
        """
        return cancellable(self._listen(protocolFactory))

    async def _listen(self, factory: IProtocolFactory) -> IListeningPort:
        identity, giveBack = holdIdentityFile(self._identity)
        peers = ConnectionFactory(
            self._reactor, identity, {self._name: factory}, limits=OF_LISTENERS
        )
        try:
            port = await self._endpoint.listen(peers)
        except BaseException:
            giveBack()
            raise
        return _PeerPort(port, peers, identity.peerID, giveBack)


@implementer(IListeningPort)
class _PeerPort:
    """
    A port of another endpoint, and the peers that have come by it.
    """

    def __init__(
        self,
        port: IListeningPort,
        peers: ConnectionFactory,
        peerID: str,
        giveBack: Callable[[], object],
    ) -> None:
        self._port = port
        self._peers = peers
        self._peerID = peerID
        self._giveBack: Callable[[], object] = giveBack

    def startListening(self) -> None:
        """
        Do nothing: it listens from the beginning.
        """

    def stopListening(self) -> Deferred[None]:
        """
        Stop listening, and part with all peers, who can't know that a stream has no successor.

        @return: fires once all is closed.
        """
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        giveBack, self._giveBack = self._giveBack, bool
        try:
            await maybeDeferred(self._port.stopListening)
            await gatherResults([peer.close() for peer in self._peers.connections])
        finally:
            giveBack()

    def getHost(self) -> OnionAddress | PeerAddress:
        """
        Give the address, with our peer id.
        """
        return peerAddress(self._port.getHost(), self._peerID)
