# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Identities that are encrypted at rest, and the text that a file keeps of one.

In the file stands::

    onionp2p identity 1
    # Encrypted: who has this file and its passphrase can be this onion.
    address <56 characters>.onion
    scrypt 16 8 1 <base64 of the salt, 16 bytes>
    chacha20-poly1305 <base64 of the nonce, 12 bytes, and what is encrypted>

The key comes from the passphrase by scrypt (RFC 7914), with the binary logarithm of N, r and p as
the file says.  The cipher (RFC 8439) takes all that stands before the last line as associated data:
the address can be read without the passphrase, and neither it nor the cost be changed without it.
"""

from __future__ import annotations

import os
import re
from base64 import b64decode, b64encode

from onionp2p.address import OnionAddress
from onionp2p.keys.identity import HEADER, Identity, checkHeader
from onionp2p.keys.passphrase import Passphrase

__all__ = ["SealedIdentity", "parseKeyFile"]

_WARNING = "# Encrypted: who has this file and its passphrase can be this onion."
_LOG_N = 16  # 64 MiB and 0.2 s on a machine of 2020: listen() waits for it, once
_LOG_NS = range(14, 19)  # a file must not make us spend more than a second, or 256 MiB
_SALT_LENGTH = 16
_NONCE_LENGTH = 12
_BASE64 = rb"[A-Za-z0-9+/]{1,256}={0,2}"
_DAMAGED = "it is damaged: it holds something that does not belong there"
_LINES = re.compile(
    rb"[^\n]+\n[^\n]+\naddress ([a-z2-7]{56})\.onion\n"
    rb"scrypt ([1-9][0-9]?) 8 1 (" + _BASE64 + rb")\n"
    rb"chacha20-poly1305 (" + _BASE64 + rb")\n"
)


class SealedIdentity:
    """
    An identity that a passphrase encrypts.

    @ivar label: the 56 characters of the address, as the file says: nobody has checked them before
        it is opened.
    """

    def __init__(self, label: str, logN: int, salt: bytes, sealed: bytes) -> None:
        self.label = label
        self._logN = logN
        self._salt = salt
        self._sealed = sealed

    @property
    def hostname(self) -> str:
        """
        C{<56>.onion}.
        """
        return f"{self.label}.onion"

    @classmethod
    def seal(cls, identity: Identity, passphrase: Passphrase) -> SealedIdentity:
        """
        Encrypt an identity.

        @raise ValueError: if there is not enough memory for it.
        """
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        sealed = cls(identity.label, _LOG_N, os.urandom(_SALT_LENGTH), b"")
        cipher = ChaCha20Poly1305(passphrase.derive(sealed._salt, sealed._logN))
        nonce = os.urandom(_NONCE_LENGTH)
        text = cipher.encrypt(nonce, identity.secretBytes(), sealed._associatedData())
        sealed._sealed = nonce + text
        return sealed

    def open(self, passphrase: Passphrase) -> Identity:
        """
        Decrypt it.

        @raise ValueError: if that is not its passphrase, or the file was changed.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        cipher = ChaCha20Poly1305(passphrase.derive(self._salt, self._logN))
        nonce, text = self._sealed[:_NONCE_LENGTH], self._sealed[_NONCE_LENGTH:]
        try:
            secret = cipher.decrypt(nonce, text, self._associatedData())
        except InvalidTag:
            raise ValueError("this is not its passphrase, or it is damaged") from None
        identity = Identity(secret)
        if identity.label != self.label:
            raise ValueError("it is damaged: its key and its address do not belong together")
        return identity

    def _associatedData(self) -> bytes:
        salt = b64encode(self._salt).decode("ascii")
        lines = [
            HEADER,
            _WARNING,
            f"address {self.hostname}",
            f"scrypt {self._logN} 8 1 {salt}",
            "",
        ]
        return "\n".join(lines).encode("ascii")

    def toFileContent(self) -> bytes:
        """
        Give what its key file holds.
        """
        return self._associatedData() + b"chacha20-poly1305 " + b64encode(self._sealed) + b"\n"

    @classmethod
    def fromFileContent(cls, content: bytes) -> SealedIdentity:
        """
        Read what a key file holds.  No byte of it may differ from what was written.

        @raise ValueError: says what is wrong.
        """
        checkHeader(content)
        lines = _LINES.fullmatch(content)
        if lines is None:
            raise ValueError(_DAMAGED)
        try:
            label = OnionAddress(lines[1].decode("ascii"), 1).label
            salt, text = b64decode(lines[3], validate=True), b64decode(lines[4], validate=True)
        except ValueError:
            raise ValueError(_DAMAGED) from None
        logN = int(lines[2])
        if logN not in _LOG_NS:
            raise ValueError(f"its scrypt cost is 2^{logN}, where 2^14 to 2^18 is taken")
        sealed = cls(label, logN, salt, text)
        if len(salt) != _SALT_LENGTH or sealed.toFileContent() != content:
            raise ValueError(_DAMAGED)
        return sealed


def parseKeyFile(content: bytes) -> Identity | SealedIdentity:
    """
    Read what a key file holds, encrypted or in clear.

    @raise ValueError: says what is wrong; holds nothing of C{content}.
    """
    if b"\nscrypt " in content:
        return SealedIdentity.fromFileContent(content)
    return Identity.fromFileContent(content)
