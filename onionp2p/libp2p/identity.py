# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Who we are to libp2p peers (libp2p specs, C{peer-ids/peer-ids.md}): an Ed25519 key of our own.

It is not the onion's key: that would tie the two together.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from onionp2p.libp2p.errors import WireError
from onionp2p.libp2p.publickey import ED25519, PublicKey, encodeKey
from onionp2p.libp2p.wire import Message

__all__ = ["Identity"]

_NOT_OURS = "not an Ed25519 private key as libp2p writes them"


class Identity:
    """
    A private key and what it shows of itself.

    @ivar publicKey: what peers see.
    """

    def __init__(self, seed: bytes) -> None:
        """
        @param seed: the 32 bytes of an Ed25519 private key (RFC 8032, section 5.1.5).
        """
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.publicKey = PublicKey(encodeKey(ED25519, self._key.public_key().public_bytes_raw()))

    @classmethod
    def generate(cls) -> Identity:
        """
        Make a fresh one.
        """
        return cls(Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def decode(cls, encoded: bytes) -> Identity:
        """
        Read libp2p's C{PrivateKey} message, as its nodes keep in files.

        @raise ValueError: if it is none, not of Ed25519, or its public key is another's.
        """
        try:
            message = Message(encoded)
            kind, data = message.number(1), message.last(2) or b""
        except WireError:
            raise ValueError(_NOT_OURS) from None
        # Old nodes wrote the public key twice.
        if kind != ED25519 or len(data) not in (64, 96):
            raise ValueError(_NOT_OURS)
        identity = cls(data[:32])
        if data[32:] != identity._publicBytes * (len(data) // 32 - 1):
            raise ValueError(_NOT_OURS)
        return identity

    def encode(self) -> bytes:
        """
        Write libp2p's C{PrivateKey} message.  It is a secret.
        """
        return encodeKey(ED25519, self._key.private_bytes_raw() + self._publicBytes)

    @property
    def peerID(self) -> str:
        """
        Our peer id, in base58.
        """
        return self.publicKey.peerID

    def sign(self, data: bytes) -> bytes:
        """
        Give our signature.
        """
        return self._key.sign(data)

    @property
    def _publicBytes(self) -> bytes:
        return self._key.public_key().public_bytes_raw()
