# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What nodes tell of themselves.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionp2p.address import OnionAddress
from onionp2p.libp2p import varint
from onionp2p.libp2p.errors import WireError
from onionp2p.libp2p.identify import LONGEST, Identification, take
from onionp2p.libp2p.identity import Identity
from onionp2p.libp2p.wire import Message, bytesField, numberField

ONION = OnionAddress.fromString(
    "/onion3/vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd:7777"
    "/p2p/12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq"
)
IDENTITY = Identity.generate()


def test_ours() -> None:
    """
    We tell our key, our protocols and the onion's address, and nothing of this machine.
    """
    ours = Identification.ofOurs(IDENTITY.publicKey, ["/b", "/a"], ONION)
    encoded = ours.encode()
    size, start = varint.decode(encoded) or (0, 0)
    assert len(encoded) == start + size
    message = Message(encoded[start:])
    assert message.all(1) == [IDENTITY.publicKey.encoded]
    assert message.all(2) == [OnionAddress(ONION.label, ONION.port).toBytes()]
    assert message.texts(3) == ["/a", "/b"]
    assert (message.texts(5), message.texts(6)) == (["ipfs/0.1.0"], ["onionp2p"])
    assert sorted(message._fields) == [1, 2, 3, 5, 6]  # no observed address, no signed record


def test_noOnion() -> None:
    """
    Without an onion there is no address.
    """
    assert Identification.ofOurs(IDENTITY.publicKey, [], None).addresses == ()


@given(
    key=st.none() | st.binary(max_size=40),
    addresses=st.lists(st.binary(max_size=40), max_size=4),
    names=st.lists(st.text(st.characters(codec="utf-8"), max_size=20), max_size=4),
    agent=st.text(st.characters(codec="utf-8"), max_size=20),
    rest=st.binary(max_size=5),
)
def test_read(
    key: bytes | None, addresses: list[bytes], names: list[str], agent: str, rest: bytes
) -> None:
    """
    What was written is read, whatever follows, and nothing before it is all there.
    """
    sent = Identification(key, tuple(addresses), tuple(names), agent, "v")
    encoded = sent.encode()
    assert take(encoded + rest) == sent
    assert all(take(encoded[:size]) is None for size in range(len(encoded)))


def test_othersFields() -> None:
    """
    What others tell besides, as the address they observe, is skipped; of what is there twice, the
    last counts.
    """
    encoded = (
        bytesField(6, b"first")
        + bytesField(4, b"\x04\x7f\x00\x00\x01")
        + bytesField(8, b"record")
        + bytesField(6, b"last")
    )
    assert Identification.decode(encoded) == Identification(agent="last")


@pytest.mark.parametrize(
    "data",
    [
        varint.encode(LONGEST + 1),
        b"\xff" * 9,
        b"\x01\xff",
        varint.encode(2) + numberField(1, 1),
        varint.encode(3) + bytesField(3, b"\xff"),
    ],
)
def test_malformed(data: bytes) -> None:
    """
    What is too long, or no such message, is refused as soon as that can be told.
    """
    with pytest.raises(WireError):
        take(data)


def test_tooLong() -> None:
    """
    A message that came whole is measured as well.
    """
    with pytest.raises(WireError, match="8193 bytes"):
        Identification.decode(bytes(LONGEST + 1))


@given(data=st.binary())
def test_anything(data: bytes) -> None:
    """
    Any bytes are a message, the beginning of one, or an error of ours.
    """
    try:
        take(data)
    except WireError:
        return
