# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How an address is written for people.
"""

from __future__ import annotations

import os

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress

__all__ = ["addressText", "peerText"]


def addressText(address: IAddress) -> str:
    """
    Write the whole address: C{/onion3/…:7777}, C{tcp:127.0.0.1:7777}, C{unix:/run/app.sock}.
    """
    match address:
        case IPv4Address():
            return f"tcp:{address.host}:{address.port}"
        case IPv6Address():
            return f"tcp:[{address.host}]:{address.port}"
        case UNIXAddress():
            return f"unix:{os.fsdecode(address.name or b'')}"
        case _:
            return str(address)


def peerText(address: IAddress) -> str:
    """
    Write a peer's address for a log, which never holds the whole of an onion's, nor of a libp2p
    peer's.
    """
    shortened: str | None = getattr(address, "shortened", None)
    return shortened or addressText(address)
