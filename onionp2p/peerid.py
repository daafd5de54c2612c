# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The text forms of a libp2p peer id (libp2p specs, C{peer-ids/peer-ids.md}).

A peer id is a multihash of a public key: the key itself ("identity") where it
is short, else its SHA-256.  It is written in base58, or as a CID version 1 of
the codec C{libp2p-key}, in base32.
"""

from __future__ import annotations

from base64 import b32decode, b32encode
from hashlib import sha256

__all__ = ["decodePeerID", "encodePeerID", "peerIDOfKey"]

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE58 = {c: i for i, c in enumerate(_ALPHABET)}
_LONGEST_TEXT = 128
_IDENTITY, _SHA2_256 = 0x00, 0x12
_LONGEST_IDENTITY = 42
_CID_V1_LIBP2P_KEY = b"\x01\x72"
_WRONG = "not a libp2p peer id: expected base58 (12D3…, Qm…) or a CID (bafz…)"


def _fromBase58(text: str) -> bytes:
    number = 0
    for character in text:
        number = number * 58 + _BASE58[character]
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _fromCID(text: str) -> bytes:
    body = text[1:]
    raw = b32decode(body.upper() + "=" * (-len(body) % 8))
    # Several texts decode to the same bytes; only the canonical one is an id.
    if b32encode(raw).decode("ascii").lower().rstrip("=") != body:
        raise ValueError(_WRONG)
    if not raw.startswith(_CID_V1_LIBP2P_KEY):
        raise ValueError(_WRONG)
    return raw[len(_CID_V1_LIBP2P_KEY) :]


def encodePeerID(multihash: bytes) -> str:
    """
    Write a peer id in base58, the usual way.

    @param multihash: what L{decodePeerID} gives, or L{peerIDOfKey}.
    """
    number = int.from_bytes(multihash, "big")
    digits = []
    while number:
        number, digit = divmod(number, 58)
        digits.append(_ALPHABET[digit])
    zeros = len(multihash) - len(multihash.lstrip(b"\0"))
    return "1" * zeros + "".join(reversed(digits))


def peerIDOfKey(publicKey: bytes) -> bytes:
    """
    Give the multihash that is the id of a public key's owner.

    @param publicKey: libp2p's C{PublicKey} message, as it is written by all.
    """
    if len(publicKey) <= _LONGEST_IDENTITY:
        return bytes([_IDENTITY, len(publicKey)]) + publicKey
    return bytes([_SHA2_256, 32]) + sha256(publicKey).digest()


def decodePeerID(text: str) -> bytes:
    """
    Give the multihash that a peer id stands for, equal for equal peers.

    @raise ValueError: if C{text} is not a peer id.
    """
    if not text or len(text) > _LONGEST_TEXT:
        raise ValueError(_WRONG)
    try:
        multihash = _fromCID(text) if text.startswith("b") else _fromBase58(text)
    except (KeyError, ValueError):
        raise ValueError(_WRONG) from None
    if len(multihash) < 2 or multihash[1] != len(multihash) - 2:
        raise ValueError(_WRONG)
    code, length = multihash[0], multihash[1]
    if not (code == _SHA2_256 and length == 32) and not (
        code == _IDENTITY and 1 <= length <= _LONGEST_IDENTITY
    ):
        raise ValueError(_WRONG)
    return multihash
