# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The key behind an onion address, and the text that a file keeps of it.

In the file stands::

    onionp2p identity 1
    # Keep this file secret: who has it can be this onion.
    address <56 characters>.onion
    seed <base64 of 32 bytes>

The number in the first line is the version of the format.  The address is there to be checked
against the key at every load.  In the place of the last line, a key that comes from tor has::

    expanded <base64 of 72 bytes: the expanded key, and 8 bytes of its SHA-256>

for tor forgets the seed.  The address tells of half of an expanded key alone, hence the sum.
"""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from hashlib import sha256

from onionp2p.address import labelFromPublicKey
from onionp2p.keys.ed25519 import expand, publicKey

__all__ = ["HEADER", "Identity", "checkHeader"]

_SEED_LENGTH = 32
_EXPANDED_LENGTH = 64
_SUM_LENGTH = 8
HEADER = "onionp2p identity 1"
_WARNING = "# Keep this file secret: who has it can be this onion."


class Identity:
    """
    The ed25519 key behind an onion address.

    @ivar label: the 56 characters of the address.
    """

    def __init__(self, secret: bytes) -> None:
        """
        @param secret: the 32 bytes of the seed that the key grows from, or the 64 of the expanded
            key that tor keeps (RFC 8032, section 5.1.5).

        @raise ValueError: if it is no such key; holds nothing of it.
        """
        if len(secret) == _SEED_LENGTH:
            public = _publicKeyOfSeed(secret)
            self._expanded = expand(secret)
        elif len(secret) == _EXPANDED_LENGTH:
            # Tor takes any number; but one that is not clamped was never made by it, and
            # other programs make another public key of it.
            if secret[0] & 7 or secret[31] >> 6 != 1:
                raise ValueError("it is damaged: this is no expanded ed25519 key")
            public = publicKey(secret)
            self._expanded = secret
        else:
            raise ValueError("it is damaged: a key has 32 or 64 bytes")
        self._secret = secret
        self.label = labelFromPublicKey(public)

    @classmethod
    def generate(cls) -> Identity:
        """
        Make a fresh one.
        """
        return cls(secrets.token_bytes(_SEED_LENGTH))

    def __repr__(self) -> str:
        return f"<Identity {self.label}>"

    @property
    def hostname(self) -> str:
        """
        C{<56>.onion}.
        """
        return f"{self.label}.onion"

    def secretBytes(self) -> bytes:
        """
        Give what this was made from.  A secret: don't keep it.
        """
        return self._secret

    def expandedBytes(self) -> bytes:
        """
        Give the 64 bytes that tor keeps.  A secret: don't keep it.
        """
        return self._expanded

    def expanded(self) -> str:
        """
        Give the key as C{ADD_ONION ED25519-V3:} takes it: base64 of the 64 bytes of its
        expanded form (control-spec, section 3.27).  A secret: don't keep it.
        """
        return b64encode(self._expanded).decode("ascii")

    def toFileContent(self) -> bytes:
        """
        Give what a key file of this identity holds.  A secret: don't keep it.
        """
        word, raw = "seed", self._secret
        if len(raw) == _EXPANDED_LENGTH:
            word, raw = "expanded", raw + sha256(raw).digest()[:_SUM_LENGTH]
        secret = f"{word} {b64encode(raw).decode('ascii')}"
        lines = [HEADER, _WARNING, f"address {self.hostname}", secret, ""]
        return "\n".join(lines).encode("ascii")

    @classmethod
    def fromFileContent(cls, content: bytes) -> Identity:
        """
        Read what a key file holds.  No byte of it may differ from what was written.

        @raise ValueError: says what is wrong; holds nothing of C{content}.
        """
        checkHeader(content)
        lines = content.split(b"\n")
        secret = _fromSecretLine(lines[-2]) if len(lines) > 1 else None
        identity = None if secret is None else cls(secret)
        if identity is None or identity.toFileContent() != content:
            raise ValueError("it is damaged: its key and its address do not belong together")
        return identity


def checkHeader(content: bytes) -> None:
    """
    Check the first line of a key file.

    @raise ValueError: says what is wrong with it.
    """
    if not content.startswith(b"onionp2p identity "):
        raise ValueError("it is not an onionp2p key file")
    if b"\r" in content:
        raise ValueError("it is damaged: its line ends were changed; copy it as a binary file")
    if content.partition(b"\n")[0] != HEADER.encode("ascii"):
        raise ValueError("its format is of another version of onionp2p")


def _fromSecretLine(line: bytes) -> bytes | None:
    word, _, text = line.partition(b" ")
    try:
        raw = b64decode(text, validate=True)
    except ValueError:
        return None
    if word == b"seed" and len(raw) == _SEED_LENGTH:
        return raw
    if word == b"expanded" and len(raw) == _EXPANDED_LENGTH + _SUM_LENGTH:
        return raw[:_EXPANDED_LENGTH]  # its sum is compared with the rest of the file
    return None


def _publicKeyOfSeed(seed: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
