# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Onion addresses and peer ids, as text.
"""

from __future__ import annotations

from base64 import b32encode
from contextlib import suppress
from hashlib import sha3_256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.interfaces import IAddress
from zope.interface.verify import verifyObject

from onionp2p.address import (
    AddressError,
    OnionAddress,
    OnionPeer,
    ShortenedAddress,
    labelFromPublicKey,
    parsePort,
)
from onionp2p.peerid import decodePeerID, encodePeerID

# The valid vector of rust-multiaddr's own tests.
LABEL = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd"
PEER = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"
# The binary form of /onion3/LABEL:7777, by two other implementations: see test_multiaddr_oracle.
BINARY = bytes.fromhex(
    "bd03adadec040be047f9658668b11a504f3155001f231a37f54c4476c07fb4cc139ed7e3031e61"
)

binaries = st.one_of(
    st.binary(max_size=140),
    # Close to an address: one of them with a piece changed.
    st.builds(
        lambda start, piece, end: BINARY[:start] + piece + BINARY[end:],
        st.integers(0, 40),
        st.binary(max_size=50),
        st.integers(0, 40),
    ),
)
peerIDs = st.one_of(
    st.binary(min_size=1, max_size=42).map(lambda key: bytes([0, len(key)]) + key),
    st.binary(min_size=32, max_size=32).map(lambda digest: b"\x12\x20" + digest),
).map(encodePeerID)

publicKeys = st.binary(min_size=32, max_size=32)
ports = st.integers(1, 65535)


@given(publicKeys, ports)
def test_everySpellingMeansTheSame(publicKey: bytes, port: int) -> None:
    """
    A host name and a multiaddr, in any case, with the port inside or beside, are one address.
    """
    label = labelFromPublicKey(publicKey)
    address = OnionAddress(label, port)
    assert OnionAddress.fromString(str(address)) == address
    assert OnionAddress.fromString(f"{label}.onion:{port}") == address
    assert OnionAddress.fromString(f"{label.upper()}.ONION:{port}") == address
    assert OnionAddress.fromString(f"{label}.onion", port) == address
    assert (address.host, address.port) == (f"{label}.onion", port)


@given(publicKeys, st.integers(0, 55), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_oneWrongCharacterIsFound(publicKey: bytes, index: int, character: str) -> None:
    """
    An address with one character changed is no address.
    """
    label = labelFromPublicKey(publicKey)
    changed = label[:index] + character + label[index + 1 :]
    if changed != label:
        with pytest.raises(AddressError):
            OnionAddress(changed, 1)


@given(st.text(max_size=300), st.one_of(st.none(), ports))
def test_anyTextIsAnAddressOrAnAddressError(text: str, port: int | None) -> None:
    """
    Parsing is total.
    """
    try:
        address = OnionAddress.fromString(text, port)
    except AddressError:
        return
    assert OnionAddress.fromString(str(address)) == address


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "lacks its port"),
        (f"{LABEL}.onion", "lacks its port"),
        (f"{LABEL}:7777", "written"),
        (f"{LABEL}.onion:0", "1 to 65535"),
        (f"{LABEL}.onion:65536", "1 to 65535"),
        (f"{LABEL}.onion:007777", "1 to 65535"),
        (f"{LABEL}.onion:７７", "1 to 65535"),
        (f"{LABEL}.onion:+77", "1 to 65535"),
        (f"{LABEL}.onion:", "1 to 65535"),
        (f"{LABEL}.onion.:7777", "written"),
        (f"www.{LABEL}.onion:7777", "sub-domain"),
        (f"/onion3/{LABEL}:7777/", "only /p2p"),
        (f"/onion3/{LABEL}.onion:7777", "sub-domain"),
        (f"/onion3/{LABEL}", "lacks its port"),
        (f"/onion3/{LABEL}:7777/p2p/", "peer id"),
        (f"/onion3/{LABEL}:7777/p2p/{PEER}/x", "only /p2p"),
        (f"/onion3/{LABEL}:7777/ws", "only /p2p"),
        ("/onion/aaimaq4ygg2iegci:80", "version 2"),
        ("aaimaq4ygg2iegci.onion:80", "version 2"),
        ("/ip4/127.0.0.1/tcp/80", "begins with /onion3"),
        (f"/onion3/{LABEL[:-1]}:7777", "56 characters"),
        (f"/onion3/{LABEL[:-1]}1:7777", "letters a-z"),
        # The Kelvin sign, which lower() makes a k of.
        (f"/onion3/{LABEL.replace('k', chr(0x212A))}:7777", "letters a-z"),
        # The address in the README of the article, whose checksum is zeros.
        ("/onion3/" + "a" * 56 + ":1", "version 0"),
        ("x" * 300, "at most"),
    ],
)
def test_whatIsWrongIsSaid(text: str, complaint: str) -> None:
    """
    A text that is no address is refused with the reason.
    """
    with pytest.raises(AddressError, match=complaint):
        OnionAddress.fromString(text)


def test_wrongChecksumIsNamed() -> None:
    """
    A mistyped character is told apart from a text that is no address at all.
    """
    with pytest.raises(AddressError, match="checksum"):
        OnionAddress.fromString(f"{'a' + LABEL[1:]}.onion:7777")


def test_otherVersionIsNamed() -> None:
    """
    An address of a version to come is refused for its version, though its checksum holds.
    """
    key = bytes(32)
    checksum = sha3_256(b".onion checksum" + key + b"\x04").digest()[:2]
    label = b32encode(key + checksum + b"\x04").decode("ascii").lower()
    with pytest.raises(AddressError, match="version 4"):
        OnionAddress(label, 1)


def test_portGivenTwice() -> None:
    """
    Two ports that agree are one; two that don't are an error.
    """
    assert OnionAddress.fromString(f"{LABEL}.onion:80", 80).port == 80
    with pytest.raises(AddressError, match="another"):
        OnionAddress.fromString(f"{LABEL}.onion:80", 81)


@given(st.text(max_size=10))
def test_portsAreTotal(text: str) -> None:
    """
    Any text is a port or an error.
    """
    with suppress(AddressError):
        assert str(parsePort(text)) == text


def test_peerIDIsKept() -> None:
    """
    The libp2p peer behind an onion stays in its address.
    """
    text = f"/onion3/{LABEL}:7777/p2p/{PEER}"
    address = OnionAddress.fromString(text)
    assert (address.peerID, str(address)) == (PEER, text)


def test_samePeersAreEqual() -> None:
    """
    A peer id that is given as a CID is the peer's that is given in base58, and shown so.
    """
    cid = "bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe"
    base58 = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"
    assert OnionAddress(LABEL, 7777, cid) == OnionAddress(LABEL, 7777, base58)
    assert str(OnionAddress(LABEL, 7777, cid)).endswith("/p2p/" + base58)


def test_binaryForm() -> None:
    """
    The binary multiaddr is the code of onion3, the address, the port; then the peer.
    """
    assert OnionAddress(LABEL, 7777).toBytes() == BINARY
    assert OnionAddress.fromBytes(BINARY) == OnionAddress(LABEL, 7777)
    multihash = decodePeerID(PEER)
    withPeer = OnionAddress(LABEL, 7777, PEER).toBytes()
    assert withPeer == BINARY + b"\xa5\x03" + bytes([len(multihash)]) + multihash


@given(publicKeys, ports, st.one_of(st.none(), peerIDs))
def test_binaryFormAndBack(publicKey: bytes, port: int, peerID: str | None) -> None:
    """
    Nothing is lost in the binary form.
    """
    address = OnionAddress(labelFromPublicKey(publicKey), port, peerID)
    assert OnionAddress.fromBytes(address.toBytes()) == address


@given(binaries)
def test_anyBytesAreAnAddressOrAnAddressError(data: bytes) -> None:
    """
    Reading the binary form is total, and no two forms mean the same address.
    """
    try:
        address = OnionAddress.fromBytes(data)
    except AddressError:
        return
    assert address.toBytes() == data


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "begins with the code"),
        (b"\x04\x7f\0\0\1", "begins with the code"),
        (b"\xbd\x83\0" + BINARY[2:], "begins with the code"),  # the code, written longer
        (BINARY[:-1], "cut off"),
        (BINARY[:-2] + b"\0\0", "1 to 65535"),
        (BINARY[:2] + b"\0" + BINARY[3:], "checksum"),
        (BINARY[:36] + b"\x02" + BINARY[37:], "version 2"),
        (BINARY + b"\0", "only the code of p2p"),
        (BINARY + b"\xa5\x03", "only the code of p2p"),
        (BINARY + b"\xa5\x03\x02\x12", "only the code of p2p"),
        (BINARY + b"\xa5\x03\x80\0", "only the code of p2p"),  # the length, written longer
        (BINARY + b"\xa5\x03\0", "peer id"),
        (BINARY + b"\xa5\x03\x02\x12\x20", "peer id"),
        (BINARY + BINARY, "only the code of p2p"),
        (BINARY * 4, "at most"),
    ],
)
def test_whatIsWrongInBytesIsSaid(data: bytes, complaint: str) -> None:
    """
    Bytes that are no address are refused with the reason.
    """
    with pytest.raises(AddressError, match=complaint):
        OnionAddress.fromBytes(data)


def test_addressesProvideIAddress() -> None:
    """
    Both kinds of address are what Twisted takes for one, and have what programs read unasked.
    """
    address = OnionAddress(LABEL, 7777)
    for each in (address, OnionPeer(), OnionPeer(circuit=47), ShortenedAddress(address)):
        assert verifyObject(IAddress, each)
        assert isinstance(each.host, str)
        assert each.host.isascii() or each.host.startswith(LABEL[:6])
        assert isinstance(each.port, int)


def test_peersAreEqualByCircuit() -> None:
    """
    Peers are told apart by their circuits alone.
    """
    assert OnionPeer(1) == OnionPeer(1) != OnionPeer(2)
    assert "47" in str(OnionPeer(47))


def test_shortenedCannotBeDialled() -> None:
    """
    What a log or an error shows of a dialled address is a small part of it.
    """
    address = OnionAddress(LABEL, 7777)
    for text in (address.shortened, repr(ShortenedAddress(address))):
        assert LABEL[:6] in text
        assert LABEL[:12] not in text


@pytest.mark.parametrize(
    "text",
    [
        PEER,
        "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N",
        "bafzaajaiaejcal72gwuz2or47oyxxn6b3rkwdmmkrxgkjxzy3rqt5kczyn7lcm3l",
    ],
)
def test_peerIDs(text: str) -> None:
    """
    Peer ids come in base58 and as CIDs.
    """
    assert len(decodePeerID(text)) > 32


@pytest.mark.parametrize(
    "text", ["", "1", "Qm", "l", "b", "baaa", PEER + "1", PEER[:-1], "b" * 200]
)
def test_notPeerIDs(text: str) -> None:
    """
    What is no peer id is refused.
    """
    with pytest.raises(ValueError, match="peer id"):
        decodePeerID(text)


def test_oneKeyHasOneMultihash() -> None:
    """
    The two text forms of one peer id stand for equal bytes.
    """
    # An example of the peer-ids specification.
    cid = "bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe"
    assert decodePeerID(cid) == decodePeerID("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N")


@given(st.text(max_size=140))
def test_anyTextIsAPeerIDOrAValueError(text: str) -> None:
    """
    Reading peer ids is total.
    """
    with suppress(ValueError):
        assert decodePeerID(text)
