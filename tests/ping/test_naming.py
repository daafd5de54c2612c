# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Addresses for people.
"""

from __future__ import annotations

import pytest
from twisted.internet.address import HostnameAddress, IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress

from onionp2p.address import OnionAddress, OnionPeer
from onionp2p.ping.naming import addressText, peerText

LABEL = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd"
ONION = OnionAddress(LABEL, 7777)


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (ONION, f"/onion3/{LABEL}:7777"),
        (OnionPeer(), "anonymous onion peer"),
        (IPv4Address("TCP", "127.0.0.1", 7777), "tcp:127.0.0.1:7777"),
        (IPv6Address("TCP", "::1", 7777), "tcp:[::1]:7777"),
        (UNIXAddress("/run/app.sock"), "unix:/run/app.sock"),
        (UNIXAddress(None), "unix:"),
    ],
)
def test_addressText(address: IAddress, text: str) -> None:
    """
    An address is written whole, as its users know it.
    """
    assert addressText(address) == text


def test_unknownAddress() -> None:
    """
    An address of a kind that we don't know is written as it writes itself.
    """
    address = HostnameAddress(b"example.com", 80)
    assert addressText(address) == str(address)


def test_peerText() -> None:
    """
    What is logged of an onion does not suffice to dial it.
    """
    assert peerText(ONION) == "vww6yb….onion:7777"
    assert peerText(IPv4Address("TCP", "127.0.0.1", 7777)) == "tcp:127.0.0.1:7777"
