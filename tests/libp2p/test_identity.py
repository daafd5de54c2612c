# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Identities: ours, and how those of peers are judged.
"""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from onionp2p.libp2p.errors import IdentityError, IdentityUnproven
from onionp2p.libp2p.identity import Identity
from onionp2p.libp2p.publickey import PublicKey, encodeKey
from onionp2p.libp2p.wire import bytesField, numberField
from onionp2p.peerid import decodePeerID, encodePeerID

# libp2p specs, peer-ids/peer-ids.md, "Test vectors".
ED25519_PRIVATE = bytes.fromhex(
    "080112407e0830617c4a7de83925dfb2694556b12936c477a0e1feb2e148ec9da60fee7d"
    "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"
)
ED25519_PUBLIC = bytes.fromhex(
    "080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"
)
ED25519_PEER = "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq"
SECP256K1_PRIVATE = bytes.fromhex(
    "0802122053dadf1d5a164d6b4acdb15e24aa4c5b1d3461bdbd42abedb0a4404d56ced8fb"
)
SECP256K1_PUBLIC = bytes.fromhex(
    "08021221037777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630bfca99"
)
ECDSA_PRIVATE = bytes.fromhex(
    "08031279307702010104203e5b1fe9712e6c314942a750bd67485de3c1efe85b1bfb520ae8f9ae3dfa4a4ca00a0608"
    "2a8648ce3d030107a14403420004de3d300fa36ae0e8f5d530899d83abab44abf3161f162a4bc901d8e6ecda020e8b"
    "6d5f8da30525e71d6851510c098e5c47c646a597fb4dcec034e9f77c409e62"
)
ECDSA_PUBLIC = bytes.fromhex(
    "0803125b3059301306072a8648ce3d020106082a8648ce3d03010703420004de3d300fa36ae0e8f5d530899d83abab"
    "44abf3161f162a4bc901d8e6ecda020e8b6d5f8da30525e71d6851510c098e5c47c646a597fb4dcec034e9f77c409e"
    "62"
)


def test_published() -> None:
    """
    The specification's Ed25519 key is read, written, and gives the peer id that others give it.
    """
    identity = Identity.decode(ED25519_PRIVATE)
    assert identity.encode() == ED25519_PRIVATE
    assert identity.publicKey.encoded == ED25519_PUBLIC
    assert identity.peerID == ED25519_PEER
    assert identity.publicKey == PublicKey(ED25519_PUBLIC)
    assert decodePeerID(ED25519_PEER) == identity.publicKey.multihash


def test_oldFiles() -> None:
    """
    Old nodes wrote the public key twice.
    """
    data = ED25519_PRIVATE[4:]
    assert Identity.decode(encodeKey(1, data + data[32:])).peerID == ED25519_PEER


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\xff",
        SECP256K1_PRIVATE,
        encodeKey(1, ED25519_PRIVATE[4:36]),
        encodeKey(1, ED25519_PRIVATE[4:] + bytes(32)),
        encodeKey(1, ED25519_PRIVATE[4:36] + bytes(32)),
        numberField(1, 1),
    ],
)
def test_othersPrivateKeys(encoded: bytes) -> None:
    """
    What is no Ed25519 key, or whose two halves don't belong together, is refused; the error tells
    nothing of it.
    """
    with pytest.raises(ValueError, match=r"^not an Ed25519 private key as libp2p writes them$"):
        Identity.decode(encoded)


def test_fresh() -> None:
    """
    Each is another; what it signs is verified by its public key alone; it shows no secret.
    """
    one, other = Identity.generate(), Identity.generate()
    assert one.publicKey != other.publicKey
    assert len({one.publicKey, other.publicKey, PublicKey(one.publicKey.encoded)}) == 2
    signature = one.sign(b"signed")
    one.publicKey.verify(signature, b"signed")
    for key, signed in [(other.publicKey, b"signed"), (one.publicKey, b"other")]:
        with pytest.raises(IdentityUnproven):
            key.verify(signature, signed)
    assert one.encode()[4:36].hex() not in repr(one) + repr(vars(one))


def sign(private: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    """Sign as libp2p does."""
    return private.sign(data, ec.ECDSA(SHA256()))


def test_secp256k1() -> None:
    """
    The specification's key; its owner's signatures are right.
    """
    private = ec.derive_private_key(int.from_bytes(SECP256K1_PRIVATE[4:]), ec.SECP256K1())
    key = PublicKey(SECP256K1_PUBLIC)
    key.verify(sign(private, b"signed"), b"signed")
    with pytest.raises(IdentityUnproven):
        key.verify(sign(private, b"signed"), b"other")
    assert key.peerID.startswith("16Uiu2HA")


@pytest.mark.filterwarnings("error")
def test_ecdsa() -> None:
    """
    The specification's key; its owner's signatures are right.
    """
    private = load_der_private_key(ECDSA_PRIVATE[4:], None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    key = PublicKey(ECDSA_PUBLIC)
    key.verify(sign(private, b"signed"), b"signed")
    with pytest.raises(IdentityUnproven):
        key.verify(sign(private, b"other"), b"signed")
    with pytest.raises(IdentityUnproven):
        key.verify(b"no signature at all", b"signed")
    assert key.peerID.startswith("Qm")


def pkix(
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey | dsa.DSAPublicKey,
) -> bytes:
    """Write as libp2p does."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_rsa() -> None:
    """
    RSA's signatures are those of PKCS#1 1.5 with SHA-256.
    """
    private = rsa.generate_private_key(65537, 2048)
    key = PublicKey(encodeKey(0, pkix(private.public_key())))
    signature = private.sign(b"signed", padding.PKCS1v15(), SHA256())
    key.verify(signature, b"signed")
    with pytest.raises(IdentityUnproven):
        key.verify(signature, b"other")
    assert key.peerID.startswith("Qm")
    assert decodePeerID(key.peerID) == key.multihash


def rsaKey(bits: int, exponent: int = 65537) -> bytes:
    """Make a public key of so many bits, which nobody can sign with."""
    return encodeKey(0, pkix(rsa.RSAPublicNumbers(exponent, (1 << bits) - 1).public_key()))


def test_rsaSizes() -> None:
    """
    From 2048 to 8192 bits, and with no exponent that costs us time.
    """
    assert PublicKey(rsaKey(8192)).peerID
    for encoded, reason in [
        (rsaKey(2047), "2048 to 8192"),
        (rsaKey(1024), "2048 to 8192"),
        (rsaKey(8193), "2048 to 8192"),
        (rsaKey(30000), "too large"),
        (rsaKey(2048, (1 << 31) + 1), "exponent"),
    ]:
        with pytest.raises(IdentityError, match=reason):
            PublicKey(encoded)


ED25519_BYTES = ED25519_PUBLIC[4:]
P256 = ec.generate_private_key(ec.SECP256R1()).public_key()
UNFIT = {
    "nothing": b"",
    "noise": b"\xff\x00\xff",
    "no kind": bytesField(2, ED25519_BYTES),
    "no key": numberField(1, 1),
    "another kind": encodeKey(4, ED25519_BYTES),
    "too short": encodeKey(1, ED25519_BYTES[:-1]),
    "fields exchanged": bytesField(2, ED25519_BYTES) + numberField(1, 1),
    "a field more": ED25519_PUBLIC + numberField(3, 1),
    "a field twice": numberField(1, 1) + ED25519_PUBLIC,
    "a number longer than needed": b"\x08\x81\x00" + ED25519_PUBLIC[2:],
    "not compressed": encodeKey(
        2,
        ec.EllipticCurvePublicKey.from_encoded_point(
            ec.SECP256K1(), SECP256K1_PUBLIC[4:]
        ).public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
    ),
    "not on the curve": encodeKey(2, b"\x02" + b"\xff" * 32),
    "an RSA key as ECDSA's": encodeKey(3, rsaKey(2048)[5:]),
    "an ECDSA key as RSA's": encodeKey(0, pkix(P256)),
    "an Ed25519 key as ECDSA's": encodeKey(
        3,
        Ed25519PrivateKey.generate()
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    ),
    "a curve of nobody's": encodeKey(3, pkix(ec.generate_private_key(ec.SECP256K1()).public_key())),
    "something after it": encodeKey(3, pkix(P256) + b"\x00"),
    "huge": bytes(2049),
}


@pytest.mark.parametrize("encoded", UNFIT.values(), ids=UNFIT)
def test_unfit(encoded: bytes) -> None:
    """
    A key that is not understood, or written in another way than it is by all, is refused: it would
    have two peer ids.
    """
    with pytest.raises(IdentityError):
        PublicKey(encoded)


@given(encoded=st.binary(max_size=100))
def test_anything(encoded: bytes) -> None:
    """
    Any bytes are a key or an error of ours.
    """
    try:
        key = PublicKey(encoded)
    except IdentityError:
        return
    assert key.encoded == encoded


@given(data=st.binary(min_size=32, max_size=32), kind=st.integers(0, 5))
def test_anyKey(data: bytes, kind: int) -> None:
    """
    So is any key, and whoever can't sign with it is found out.
    """
    try:
        key = PublicKey(encodeKey(kind, data))
    except IdentityError:
        return
    with pytest.raises(IdentityUnproven):
        key.verify(data * 2, b"signed")


@given(digest=st.binary(min_size=32, max_size=32))
def test_peerIDs(digest: bytes) -> None:
    """
    A peer id that was written is read again.
    """
    multihash = b"\x12\x20" + digest
    assert decodePeerID(encodePeerID(multihash)) == multihash
    identity = b"\x00\x20" + digest
    assert decodePeerID(encodePeerID(identity)) == identity
