# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The kinds of values that say who somebody is, or what is spoken.
"""

from __future__ import annotations

from typing import Any

from onionp2p.address import AddressError, OnionAddress
from onionp2p.onionlabel import checkLabel
from onionp2p.options.kinds import Kind
from onionp2p.peerid import decodePeerID
from onionp2p.protocolname import checkProtocolName

__all__ = ["Onion", "PeerID", "ProtocolName"]


class Onion(Kind):
    """
    The 56 characters of an onion's address, written with C{.onion}, and maybe with a port, which
    has no meaning.
    """

    expected = "is no address: the 56 characters before .onion are expected, in lower case"

    def read(self, text: str) -> Any:
        try:
            return OnionAddress.fromString(text, None if ":" in text else 1).label
        except AddressError as problem:
            raise ValueError(f"is no address: {problem}") from None

    def holds(self, value: Any) -> bool:
        try:
            return isinstance(value, str) and checkLabel(value) == value
        except AddressError:
            return False


class ProtocolName(Kind):
    """
    The name of a libp2p protocol.
    """

    def check(self, value: object) -> None:
        problem: object = "it can't be shown"
        if isinstance(value, str) and value.isprintable():
            try:
                checkProtocolName(value)
            except ValueError as error:
                problem = error
            else:
                return
        raise ValueError(f"is none, as /my/app/1.0: {problem}")


class PeerID(Kind):
    """
    A libp2p peer, in base58 or as a CID.
    """

    expected = "takes a libp2p peer id"

    def holds(self, value: Any) -> bool:
        try:
            return isinstance(value, str) and bool(decodePeerID(value))
        except ValueError:
            return False
