# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The keys by which clients enter onions that let in only some (rend-spec-v3, "Client authorization").

Their text is base32, 52 characters for 32 bytes, as tor's own files have it.
"""

from __future__ import annotations

import os
from base64 import b32decode, b32encode, b64encode

__all__ = ["ClientKey", "checkPublicKey"]

_KEY_LENGTH = 32
_KEY_CHARACTERS = 52
_BASE32 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")


class ClientKey:
    """
    The x25519 key by which one client enters one onion.

    @ivar public: its public half, for the onion's owner: 52 characters of base32, as
        C{descriptor:x25519:} and C{ADD_ONION ClientAuthV3=} take it.
    """

    def __init__(self, private: bytes) -> None:
        """
        @param private: 32 bytes (RFC 7748, section 5).

        @raise ValueError: if they are all zero.
        """
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

        if not any(private):  # tor refuses it too, in an answer that repeats it
            raise ValueError("this is nobody's key")
        self._private = private
        key = X25519PrivateKey.from_private_bytes(private)
        self.public = _toBase32(key.public_key().public_bytes_raw())

    @classmethod
    def generate(cls) -> ClientKey:
        """
        Make a fresh one.
        """
        return cls(os.urandom(_KEY_LENGTH))

    @classmethod
    def fromBase32(cls, text: str) -> ClientKey:
        """
        Read the private half as files hold it.

        @raise ValueError: if it is none; holds nothing of C{text}.
        """
        return cls(_fromBase32(text))

    def __repr__(self) -> str:
        return f"<ClientKey {self.public}>"

    def __eq__(self, other: object) -> bool:
        # By the halves that are no secret, so the time it takes tells nothing.
        return isinstance(other, ClientKey) and self.public == other.public

    def __hash__(self) -> int:
        return hash(self.public)

    def forTor(self) -> str:
        """
        Give the private half in base64, as C{ONION_CLIENT_AUTH_ADD} takes it after C{x25519:}
        (control-spec, section 3.30).  A secret: don't keep it.
        """
        return b64encode(self._private).decode("ascii")

    def toBase32(self) -> str:
        """
        Give the private half as files hold it.  A secret: don't keep it.
        """
        return _toBase32(self._private)


def _toBase32(raw: bytes) -> str:
    return b32encode(raw).decode("ascii").rstrip("=")


def _fromBase32(text: str) -> bytes:
    """
    Read the 52 characters of 32 bytes.

    @raise ValueError: if they are not; holds nothing of C{text}.
    """
    capitals = text.upper() if text.isascii() else text
    if len(capitals) != _KEY_CHARACTERS:
        raise ValueError(f"a key has {_KEY_CHARACTERS} characters, not {len(text)}")
    if not _BASE32.issuperset(capitals):
        raise ValueError("a key has only the letters A-Z and the digits 2-7")
    raw = b32decode(capitals + "====")
    if _toBase32(raw) != capitals:  # four bits are left over, and must be zero
        raise ValueError("no key ends so: a character was mistyped or lost, copy it anew")
    return raw


def checkPublicKey(text: str) -> str:
    """
    Give a client's public key in capitals.

    @param text: 52 characters of base32, alone or as tor writes them, after
        C{descriptor:x25519:}.

    @raise ValueError: if it is none.
    """
    from cryptography.hazmat.primitives.asymmetric.x25519 import (
        X25519PrivateKey,
        X25519PublicKey,
    )

    raw = _fromBase32(text.removeprefix("descriptor:").removeprefix("x25519:"))
    try:
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(raw))
    except ValueError:
        # A point of small order: what it guards is open to all. Zero, the first of them, passes
        # ADD_ONION, and ends tor 0.4.9.11 by an assertion when it makes the descriptor.
        raise ValueError("this is nobody's key: whatever it guards would be open to all") from None
    return _toBase32(raw)
