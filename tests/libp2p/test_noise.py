# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Noise, against published vectors and against another implementation.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from noise.connection import Keypair, NoiseConnection  # type: ignore[import-untyped]

from onionp2p.libp2p.errors import DecryptionFailed, HandshakeError, NonceExhausted
from onionp2p.libp2p.noise import CipherState, HandshakeState

NAME = b"Noise_XX_25519_ChaChaPoly_SHA256"


VECTORS = json.loads((Path(__file__).parents[1] / "data" / "noise_xx.json").read_text())["vectors"]
"""Published ones, in the format of all of Noise's (noiseprotocol/noise_wiki, "Test vectors")."""


def key(text: str) -> X25519PrivateKey:
    """Read a private key."""
    return X25519PrivateKey.from_private_bytes(bytes.fromhex(text))


@pytest.mark.parametrize("vector", VECTORS, ids=["cacophony", "snow"])
def test_published(vector: dict[str, Any]) -> None:
    """
    Both ends say byte for byte what the published vectors say, and read it.
    """
    ends = [
        HandshakeState(
            initiator=role == "init",
            static=key(vector[f"{role}_static"]),
            ephemeral=key(vector[f"{role}_ephemeral"]),
            prologue=bytes.fromhex(vector[f"{role}_prologue"]),
        )
        for role in ("init", "resp")
    ]
    ciphers: list[tuple[CipherState, CipherState]] = []
    for turn, message in enumerate(vector["messages"]):
        payload, ciphertext = map(bytes.fromhex, (message["payload"], message["ciphertext"]))
        writer, reader = turn % 2, 1 - turn % 2
        if turn < 3:
            assert ends[writer].write(payload) == ciphertext
            assert ends[reader].read(ciphertext) == payload
            continue
        ciphers = ciphers or [end.split() for end in ends]
        assert ciphers[writer][0].encrypt(payload) == ciphertext
        assert ciphers[reader][1].decrypt(ciphertext) == payload
    assert ends[0].hash == ends[1].hash
    assert ends[0].hash.hex() == vector.get("handshake_hash", ends[0].hash.hex())
    for end, other in [(ends[0], "resp_static"), (ends[1], "init_static")]:
        assert end.remoteStatic == key(vector[other]).public_key().public_bytes_raw()


def oracle(*, initiator: bool) -> NoiseConnection:
    """Make an end by PyPI's noiseprotocol."""
    connection = NoiseConnection.from_name(NAME)
    (connection.set_as_initiator if initiator else connection.set_as_responder)()
    secret = X25519PrivateKey.generate().private_bytes_raw()
    connection.set_keypair_from_private_bytes(Keypair.STATIC, secret)
    connection.start_handshake()
    return connection


def ours(*, initiator: bool) -> HandshakeState:
    """Make one of ours."""
    return HandshakeState(
        initiator=initiator,
        static=X25519PrivateKey.generate(),
        ephemeral=X25519PrivateKey.generate(),
    )


@given(
    initiator=st.booleans(),
    payloads=st.lists(st.binary(max_size=200), min_size=3, max_size=3),
    messages=st.lists(st.tuples(st.booleans(), st.binary(max_size=2000)), max_size=20),
)
def test_oracle(initiator: bool, payloads: list[bytes], messages: list[tuple[bool, bytes]]) -> None:
    """
    PyPI's noiseprotocol understands us, and we it, in both roles.
    """
    end, other = ours(initiator=initiator), oracle(initiator=not initiator)
    for turn, payload in enumerate(payloads):
        if (turn % 2 == 0) is initiator:
            assert other.read_message(end.write(payload)) == payload
        else:
            assert end.read(bytes(other.write_message(payload))) == payload
    assert other.handshake_finished
    assert other.get_handshake_hash() == end.hash
    sending, receiving = end.split()
    for fromUs, data in messages:
        if fromUs:
            assert other.decrypt(sending.encrypt(data)) == data
        else:
            assert receiving.decrypt(other.encrypt(data)) == data


def shakeHands(turn: int, damage: Callable[[bytes], bytes]) -> int:
    """
    Carry a handshake whose message of this turn is damaged; give the turns that were read.
    """
    ends = ours(initiator=True), ours(initiator=False)
    for each in range(3):
        message = ends[each % 2].write(b"payload" * 10)
        if each == turn:
            message = damage(message)
        try:
            ends[1 - each % 2].read(message)
        except HandshakeError:
            return each
    return 3


@given(turn=st.integers(0, 2), where=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_flippedBits(turn: int, where: int, bit: int) -> None:
    """
    A message in which a bit was changed ends the handshake; the first, which nothing protects, is
    found out by the second.
    """

    def flip(message: bytes) -> bytes:
        changed = bytearray(message)
        changed[where % len(message)] ^= 1 << bit
        return bytes(changed)

    assert shakeHands(turn, flip) == max(turn, 1)


@given(turn=st.integers(0, 2), size=st.integers(0, 150))
def test_cut(turn: int, size: int) -> None:
    """
    So does one that was cut.
    """
    read = shakeHands(turn, lambda message: message[: min(size, len(message) - 1)])
    assert read in ({0, 1} if turn == 0 else {turn})


# The u-coordinates of low order (RFC 7748, section 6.1; cr.yp.to/ecdh.html).
LOW_ORDER = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
]


@pytest.mark.parametrize("point", LOW_ORDER)
def test_keysOfLowOrder(point: bytes) -> None:
    """
    A key with which every secret is zero, and known to all, ends the handshake.
    """
    responder = ours(initiator=False)
    responder.read(point)
    with pytest.raises(HandshakeError, match="no secret"):
        responder.write(b"")


def test_turns() -> None:
    """
    Writing out of turn is a mistake of ours, and does no harm.
    """
    with pytest.raises(RuntimeError, match="in turn"):
        ours(initiator=False).write(b"")
    with pytest.raises(RuntimeError, match="in turn"):
        ours(initiator=True).read(b"")


def test_nonces() -> None:
    """
    The last nonce is reserved: nothing is encrypted or decrypted with it.
    """
    sending, receiving = CipherState(bytes(32)), CipherState(bytes(32))
    sending._nonce = receiving._nonce = 2**64 - 2
    assert receiving.decrypt(sending.encrypt(b"the last")) == b"the last"
    with pytest.raises(NonceExhausted):
        sending.encrypt(b"")
    with pytest.raises(NonceExhausted):
        receiving.decrypt(bytes(16))


def test_otherAssociatedData() -> None:
    """
    What a message was bound to must be the same at both ends.
    """
    message = CipherState(bytes(32)).encrypt(b"", b"this")
    with pytest.raises(DecryptionFailed):
        CipherState(bytes(32)).decrypt(message, b"that")
