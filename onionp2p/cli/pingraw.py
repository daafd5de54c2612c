# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p ping} without libp2p: a connection that has pings on it and nothing else.
"""

from __future__ import annotations

from twisted.internet.endpoints import connectProtocol
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

from onionp2p.ping.initiator import TIMEOUT, PingInitiator
from onionp2p.ping.naming import addressText
from onionp2p.ping.results import Ok

__all__ = ["RawPeer"]


class RawPeer:
    """
    A peer that answers pings, and speaks nothing else; see L{onionp2p.cli.pingloop.Peer}.
    """

    hint = "; if the peer speaks libp2p, say --libp2p"

    def __init__(
        self, reactor: IReactorTime, endpoint: IStreamClientEndpoint, timeout: float = TIMEOUT
    ) -> None:
        """
        @param timeout: seconds that an echo may take.  A dial has its endpoint's own.
        """
        self._reactor = reactor
        self._endpoint = endpoint
        self._timeout = timeout
        self._initiator: PingInitiator | None = None

    @property
    def address(self) -> str:
        assert self._initiator is not None
        return addressText(self._initiator.peer)

    async def connect(self) -> PingInitiator:
        """
        Give the connection, made anew if there is none.
        """
        if self._initiator is None or self._initiator.ended:
            initiator = PingInitiator(self._reactor, timeout=self._timeout)
            self._initiator = await connectProtocol(self._endpoint, initiator)
        return self._initiator

    async def ping(self) -> Ok:
        return await (await self.connect()).ping()

    async def disconnect(self) -> None:
        if self._initiator is not None:
            await self._initiator.close()
