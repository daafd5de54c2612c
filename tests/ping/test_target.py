# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Whom to ping.
"""

from __future__ import annotations

import pytest

from onionp2p.ping.target import checkUnnamed, isBareAddress, splitPeer

ONION = "/onion3/vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd:7777"
ESCAPED = ONION.replace(":", "\\:")
PEER = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"


@pytest.mark.parametrize(
    "text",
    [
        "%s",
        "onionp2p:dial:addr=%s",
        "onionp2p:dial:addr=%s:timeout=5",
        "tls:x:443:endpoint=onionp2p\\:dial\\:addr=%s",
    ],
)
@pytest.mark.parametrize("onion", [ONION, ESCAPED])
def test_peer(text: str, onion: str) -> None:
    """
    The peer of an onion is taken out of an address, and out of any string with one.
    """
    assert splitPeer(text % f"{onion}/p2p/{PEER}") == (text % onion, PEER)
    assert splitPeer(text % onion) == (text % onion, None)


@pytest.mark.parametrize(
    "text",
    [
        "tcp:127.0.0.1:7777",
        f"unix:/home/p2p/{PEER}",
        f"onionp2p:dial:addr={ONION}:auth=/home/me/p2p/{PEER}",
        f"/ip4/127.0.0.1/tcp/7777/p2p/{PEER}",
    ],
)
def test_noPeer(text: str) -> None:
    """
    A path with a folder of that name, and what is no onion's address, is left to others.
    """
    assert splitPeer(text) == (text, None)


@pytest.mark.parametrize("peer", ["12D3", "x", PEER[:-1], PEER + "5"])
def test_wrongPeer(peer: str) -> None:
    """
    What is no peer id is refused, and what it should be is said.
    """
    with pytest.raises(ValueError, match="expected base58"):
        splitPeer(f"{ONION}/p2p/{peer}")


@pytest.mark.parametrize(
    ("text", "bare"),
    [(ONION, True), ("x.onion:1", True), ("X.ONION:1", True), ("tcp:x.onion:1", False)],
)
def test_bare(text: str, bare: bool) -> None:
    """
    An address is told from an endpoint string.
    """
    assert isBareAddress(text) is bare


def test_unnamed() -> None:
    """
    A string that makes a libp2p connection itself can't carry another.
    """
    checkUnnamed(f"onionp2p:dial:addr={ONION}")
    with pytest.raises(ValueError, match="leave it out"):
        checkUnnamed(f"onionp2p:dial:addr={ONION}:protocol=/ipfs/ping/1.0.0")
