# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A peer's public key and its peer id (libp2p specs, C{peer-ids/peer-ids.md}).

Peers sign with Ed25519, RSA, secp256k1 or ECDSA keys.  A key has one spelling here: who could write
one key in two ways would have two peer ids.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from onionp2p.libp2p.errors import IdentityError, IdentityUnproven, WireError
from onionp2p.libp2p.wire import Message, bytesField, numberField
from onionp2p.peerid import encodePeerID, peerIDOfKey

__all__ = ["ED25519", "PublicKey", "encodeKey"]

RSA, ED25519, SECP256K1, ECDSA = 0, 1, 2, 3

_LONGEST = 2048
"""Bytes of a key; one of RSA with 8192 bits has some 1060."""

_RSA_BITS = range(2048, 8192 + 1)
_LARGEST_EXPONENT = 1 << 31
"""A larger one only makes verifying slow; Go's limit."""

_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)

_Verify = Callable[[bytes, bytes], None]


def encodeKey(kind: int, data: bytes) -> bytes:
    """
    Write a C{PublicKey} or C{PrivateKey} message.
    """
    return numberField(1, kind) + bytesField(2, data)


class PublicKey:
    """
    The public key of a peer.  Equal ones are of one peer.

    @ivar encoded: libp2p's C{PublicKey} message.
    @ivar multihash: the peer id, as bytes.
    """

    def __init__(self, encoded: bytes) -> None:
        """
        @raise IdentityError: if this is no key that we understand and would trust.
        """
        if len(encoded) > _LONGEST:
            raise IdentityError("It is too large.")
        try:
            message = Message(encoded)
            kind, data = message.number(1), message.last(2)
        except WireError as problem:
            raise IdentityError(problem.detail) from None
        if kind is None or data is None or encodeKey(kind, data) != encoded:
            raise IdentityError("It is not written as libp2p's keys are.")
        if kind not in _KINDS:
            raise IdentityError(f"It is of kind {kind}.")
        try:
            self._verify = _KINDS[kind](data)
        except (ValueError, UnsupportedAlgorithm):
            raise IdentityError("It is malformed.") from None
        self.encoded = encoded
        self.multihash = peerIDOfKey(encoded)

    @property
    def peerID(self) -> str:
        """
        The peer id, in base58.
        """
        return encodePeerID(self.multihash)

    def verify(self, signature: bytes, signed: bytes) -> None:
        """
        @raise IdentityUnproven: if the key's owner did not sign this.
        """
        try:
            self._verify(signature, signed)
        except (InvalidSignature, ValueError):
            raise IdentityUnproven("A signature is wrong.") from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and self.encoded == other.encoded

    def __hash__(self) -> int:
        return hash(self.encoded)


def _ed25519(data: bytes) -> _Verify:
    return Ed25519PublicKey.from_public_bytes(data).verify


def _rsa(data: bytes) -> _Verify:
    key = load_der_public_key(data)
    if not isinstance(key, RSAPublicKey) or _pkix(key) != data:
        raise ValueError
    if key.key_size not in _RSA_BITS:
        raise IdentityError(
            f"An RSA key has {_RSA_BITS[0]} to {_RSA_BITS[-1]} bits, not {key.key_size}."
        )
    if key.public_numbers().e >= _LARGEST_EXPONENT:
        raise IdentityError("An RSA key has too large an exponent.")
    return lambda signature, signed: key.verify(signature, signed, padding.PKCS1v15(), SHA256())


def _secp256k1(data: bytes) -> _Verify:
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), data)
    if key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint) != data:
        raise ValueError
    return _verifyECDSA(key)


def _ecdsa(data: bytes) -> _Verify:
    key = load_der_public_key(data)
    if not isinstance(key, ec.EllipticCurvePublicKey) or _pkix(key) != data:
        raise ValueError
    if not isinstance(key.curve, _CURVES):
        raise IdentityError(f"It is of the curve {key.curve.name}.")
    return _verifyECDSA(key)


def _verifyECDSA(key: ec.EllipticCurvePublicKey) -> _Verify:
    return lambda signature, signed: key.verify(signature, signed, ec.ECDSA(SHA256()))


def _pkix(key: RSAPublicKey | ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


_KINDS = {
    RSA: _rsa,
    ED25519: _ed25519,
    SECP256K1: _secp256k1,
    ECDSA: _ecdsa,
}
