# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{Noise_XX_25519_ChaChaPoly_SHA256} (noiseprotocol.org, revision 34, sections 5 and 7.5).

The names are the specification's.  Of it there is what this one protocol needs: three messages::

    -> e
    <- e, ee, s, es
    -> s, se

each with a payload, then a cipher for each direction.
"""

from __future__ import annotations

from hashlib import sha256
from hmac import digest

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from onionp2p.libp2p.errors import DecryptionFailed, HandshakeError, NonceExhausted

__all__ = ["LONGEST_MESSAGE", "TAG", "CipherState", "HandshakeState"]

LONGEST_MESSAGE = 65535
"""Bytes that any Noise message has at most (section 3)."""

TAG = 16
"""Bytes by which what is encrypted is longer."""

_NAME = b"Noise_XX_25519_ChaChaPoly_SHA256"
_KEY = 32
_RESERVED_NONCE = (1 << 64) - 1

_Bytes = bytes | memoryview | bytearray


class CipherState:
    """
    Encrypts or decrypts the messages of one direction, in their order (section 5.1).
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = ChaCha20Poly1305(key)
        self._nonce = 0

    def _nextNonce(self) -> bytes:
        if self._nonce == _RESERVED_NONCE:
            raise NonceExhausted
        nonce = bytes(4) + self._nonce.to_bytes(8, "little")
        self._nonce += 1
        return nonce

    def encrypt(self, plaintext: _Bytes, associated: bytes | None = None) -> bytes:
        """
        @raise NonceExhausted: after 2^64 - 1 messages.
        """
        return self._cipher.encrypt(self._nextNonce(), plaintext, associated)

    def decrypt(self, ciphertext: _Bytes, associated: bytes | None = None) -> bytes:
        """
        @raise DecryptionFailed: if this is not the next message.  None can follow it.
        @raise NonceExhausted: after 2^64 - 1 messages.
        """
        try:
            return self._cipher.decrypt(self._nextNonce(), ciphertext, associated)
        except InvalidTag:
            raise DecryptionFailed from None


class _SymmetricState:
    """
    What the two have in common so far (section 5.2).
    """

    def __init__(self, prologue: bytes) -> None:
        self._chainingKey = self.hash = _NAME  # which has just the length of a hash
        self._cipher: CipherState | None = None
        self.mixHash(prologue)

    def mixHash(self, data: bytes) -> None:
        self.hash = sha256(self.hash + data).digest()

    def mixKey(self, secret: bytes) -> None:
        self._chainingKey, key = self._derive(secret)
        self._cipher = CipherState(key)

    def encryptAndHash(self, plaintext: bytes) -> bytes:
        ciphertext = self._cipher.encrypt(plaintext, self.hash) if self._cipher else plaintext
        self.mixHash(ciphertext)
        return ciphertext

    def decryptAndHash(self, ciphertext: bytes) -> bytes:
        plaintext = self._cipher.decrypt(ciphertext, self.hash) if self._cipher else ciphertext
        self.mixHash(ciphertext)
        return plaintext

    def split(self) -> tuple[CipherState, CipherState]:
        first, second = self._derive(b"")
        return CipherState(first), CipherState(second)

    def _derive(self, secret: bytes) -> tuple[bytes, bytes]:
        """
        C{HKDF()} with two outputs (section 4.3).
        """
        key = digest(self._chainingKey, secret, "sha256")
        first = digest(key, b"\x01", "sha256")
        return first, digest(key, first + b"\x02", "sha256")


class HandshakeState:
    """
    One handshake (section 5.3): L{write} and L{read} in turn, the initiator first, three in all.

    @ivar remoteStatic: the other's static public key, once it was read; 32 bytes.
    """

    remoteStatic = b""

    def __init__(
        self,
        *,
        initiator: bool,
        static: X25519PrivateKey,
        ephemeral: X25519PrivateKey,
        prologue: bytes = b"",
    ) -> None:
        """
        @param initiator: whether we write the first message.
        @param static: our key for this handshake or for longer.
        @param ephemeral: a fresh key of this handshake alone.
        """
        self._initiator = initiator
        self._s, self._e = static, ephemeral
        self._remoteEphemeral = b""
        self._symmetric = _SymmetricState(prologue)
        self._turn = 0

    @property
    def hash(self) -> bytes:
        """
        What names this handshake, at its end (section 11.2).
        """
        return self._symmetric.hash

    def write(self, payload: bytes) -> bytes:
        """
        Give the next message.
        """
        parts = self._next(writing=True)
        message = b""
        for part in parts:
            if part == "e":
                public = self._e.public_key().public_bytes_raw()
                self._symmetric.mixHash(public)
                message += public
            elif part == "s":
                message += self._symmetric.encryptAndHash(self._s.public_key().public_bytes_raw())
            else:
                self._symmetric.mixKey(self._exchange(part))
        return message + self._symmetric.encryptAndHash(payload)

    def read(self, message: bytes) -> bytes:
        """
        Give the payload of the other's next message.

        @raise HandshakeError: if it is none.  No message can follow it.
        """
        parts = self._next(writing=False)
        try:
            for part in parts:
                if part == "e":
                    self._remoteEphemeral, message = _cut(message, _KEY)
                    self._symmetric.mixHash(self._remoteEphemeral)
                elif part == "s":
                    encrypted, message = _cut(message, _KEY + TAG)
                    self.remoteStatic = self._symmetric.decryptAndHash(encrypted)
                else:
                    self._symmetric.mixKey(self._exchange(part))
            return self._symmetric.decryptAndHash(message)
        except DecryptionFailed:
            raise HandshakeError("A message of it is not authentic.") from None

    def split(self) -> tuple[CipherState, CipherState]:
        """
        Give the ciphers for what we send and for what we receive.
        """
        first, second = self._symmetric.split()
        return (first, second) if self._initiator else (second, first)

    def _next(self, *, writing: bool) -> tuple[str, ...]:
        if writing is not (self._turn % 2 == (0 if self._initiator else 1)):
            raise RuntimeError("the messages of a handshake are written and read in turn")
        parts = (("e",), ("e", "ee", "s", "es"), ("s", "se"))[self._turn]
        self._turn += 1
        return parts

    def _exchange(self, names: str) -> bytes:
        """
        C{DH()} between two keys, the initiator's named first.
        """
        ours, theirs = names[0], names[1]
        if not self._initiator:
            ours, theirs = theirs, ours
        key = self._s if ours == "s" else self._e
        public = self.remoteStatic if theirs == "s" else self._remoteEphemeral
        try:
            secret = key.exchange(X25519PublicKey.from_public_bytes(public))
        except ValueError:  # what comes of keys of low order, says OpenSSL
            secret = bytes(_KEY)
        if not any(secret):
            raise HandshakeError("The peer's key gives no secret.")
        return secret


def _cut(message: bytes, size: int) -> tuple[bytes, bytes]:
    if len(message) < size:
        raise HandshakeError("A message of it is too short.")
    return message[:size], message[size:]
