# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Whom C{onionp2p ping} pings: over a connection as it is, made anew after it was lost.
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.endpoints import connectProtocol
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

from onionp2p.ping.initiator import PingInitiator
from onionp2p.ping.naming import addressText
from onionp2p.ping.results import Ok

__all__ = ["Pinged", "RawPeer"]


class Pinged(Protocol):
    """
    Somebody who is pinged.

    @cvar hint: what to try if there never is an answer, behind the reason.
    """

    hint: str

    @property
    def address(self) -> str:
        """
        Whom we are, or were last, connected to.
        """

    async def connect(self) -> object:
        """
        Connect, if we are not connected.
        """

    async def ping(self) -> Ok:
        """
        Ping once, connecting before where we are not connected.
        """

    async def disconnect(self) -> None:
        """
        Close the connection, if there is one.
        """


class RawPeer:
    """
    A peer that answers pings, and speaks nothing else.
    """

    hint = "; if the peer speaks libp2p, say --libp2p"

    def __init__(
        self, reactor: IReactorTime, endpoint: IStreamClientEndpoint, timeout: float
    ) -> None:
        """
        @param timeout: seconds that an echo may take.
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
