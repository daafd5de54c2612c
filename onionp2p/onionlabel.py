# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The 56 characters before C{.onion}: a public key, a checksum and a version number in base32
(rend-spec-v3, section 6 [ONIONADDRESS]).
"""

from __future__ import annotations

from base64 import b32decode, b32encode
from hashlib import sha3_256

__all__ = ["LABEL_BYTES", "AddressError", "checkLabel", "labelFromPublicKey"]

LABEL_BYTES = 35
"""What the 56 characters stand for."""

_VERSION = 3
_LABEL_LENGTH = 56
_BASE32 = frozenset("abcdefghijklmnopqrstuvwxyz234567")


class AddressError(ValueError):
    """
    A text, or a binary multiaddr, is not the address of a version 3 onion service.
    """


def _checksum(publicKey: bytes, version: int) -> bytes:
    return sha3_256(b".onion checksum" + publicKey + bytes([version])).digest()[:2]


def labelFromPublicKey(publicKey: bytes) -> str:
    """
    Give the 56 characters that stand before C{.onion}.

    @param publicKey: the 32 bytes of an ed25519 public key.
    """
    if len(publicKey) != 32:
        raise ValueError("an ed25519 public key has 32 bytes")
    raw = publicKey + _checksum(publicKey, _VERSION) + bytes([_VERSION])
    return b32encode(raw).decode("ascii").lower()


def checkLabel(text: str) -> str:
    """
    Give C{text} in lower case, if it is the label of a version 3 onion.
    """
    if not text.isascii():  # lower() below makes an ASCII k of a Kelvin sign
        raise AddressError("an onion address has only the letters a-z and the digits 2-7")
    label = text.lower()
    if "." in label:
        raise AddressError(
            "an onion address has no sub-domain here: give the 56 characters before .onion alone"
        )
    if len(label) == 16:
        raise AddressError(
            "this is a version 2 onion address (16 characters), which Tor no longer serves:"
            " ask for the version 3 address (56 characters)"
        )
    if len(label) != _LABEL_LENGTH:
        raise AddressError(
            f"an onion address has {_LABEL_LENGTH} characters before .onion, not {len(label)}"
        )
    if not _BASE32.issuperset(label):
        raise AddressError("an onion address has only the letters a-z and the digits 2-7")
    raw = b32decode(label.upper())
    publicKey, checksum, version = raw[:32], raw[32:34], raw[34]
    if version != _VERSION:
        raise AddressError(f"the onion address has version {version}; only version 3 exists today")
    if checksum != _checksum(publicKey, version):
        raise AddressError(
            "the onion address has a wrong checksum: a character was mistyped or lost, copy it anew"
        )
    return label
