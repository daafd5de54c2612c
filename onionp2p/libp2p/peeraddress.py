# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What C{getPeer()} and C{getHost()} of a stream say: who, and by which way.
"""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress
from zope.interface import implementer

from onionp2p.address import OnionAddress

__all__ = ["PeerAddress", "peerAddress"]


@implementer(IAddress)
@dataclass(frozen=True, slots=True)
class PeerAddress:
    """
    A libp2p peer at an end of a connection that is no onion's address.

    @ivar peerID: who it is, in base58; of the other end it is proven.
    @ivar via: the address of that end, as of a peer that came in by an onion
        (L{onionp2p.address.OnionPeer}).
    """

    peerID: str
    via: IAddress

    @property
    def host(self) -> str:
        """
        The host of L{via}, for programs that read it of every address.
        """
        return str(getattr(self.via, "host", "unknown.invalid"))

    @property
    def port(self) -> int:
        """
        The port of L{via}; 0 if it has none.
        """
        return int(getattr(self.via, "port", 0))

    @property
    def shortened(self) -> str:
        """
        Enough to tell peers apart in a log, too little to know them by.
        """
        return f"peer …{self.peerID[-6:]}"

    @property
    def circuit(self) -> int | None:
        """
        The number of the circuit that the peer came by, where the listener tells peers apart
        (C{circuits=yes}), else L{None}.
        """
        circuit: int | None = getattr(self.via, "circuit", None)
        return circuit

    def __str__(self) -> str:
        match self.via:
            case IPv4Address(type="TCP"):
                return f"/ip4/{self.host}/tcp/{self.port}/p2p/{self.peerID}"
            case IPv6Address(type="TCP"):
                return f"/ip6/{self.host}/tcp/{self.port}/p2p/{self.peerID}"
            case _:
                return f"/p2p/{self.peerID}"


def peerAddress(via: IAddress, peerID: str) -> OnionAddress | PeerAddress:
    """
    Put the peer id to an address.  Both kinds of result have it as C{peerID}.
    """
    if isinstance(via, OnionAddress):
        return OnionAddress(via.label, via.port, peerID)
    return PeerAddress(peerID, via)
