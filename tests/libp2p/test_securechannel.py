# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Two ends get to know each other over a line that somebody else may hold.
"""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from onionp2p.libp2p.errors import (
    DecryptionFailed,
    HandshakeError,
    IdentityError,
    IdentityUnproven,
    Libp2pError,
    WrongPeer,
)
from onionp2p.libp2p.identity import Identity
from onionp2p.libp2p.noise import HandshakeState
from onionp2p.libp2p.publickey import PublicKey, encodeKey
from onionp2p.libp2p.securechannel import LONGEST_PLAINTEXT, SecureChannel
from onionp2p.libp2p.wire import bytesField, numberField

ALICE, BOB, MALLORY = Identity.generate(), Identity.generate(), Identity.generate()
YAMUX = ("/yamux/1.0.0",)


def pair(
    dialerMuxers: tuple[str, ...] = YAMUX, listenerMuxers: tuple[str, ...] = YAMUX
) -> tuple[SecureChannel, SecureChannel]:
    """Make two ends that know nothing of each other, but that Alice wants Bob."""
    return (
        SecureChannel(ALICE, dialer=True, expected=BOB.publicKey.multihash, muxers=dialerMuxers),
        SecureChannel(BOB, dialer=False, muxers=listenerMuxers),
    )


def shakeHands(dialer: SecureChannel, listener: SecureChannel) -> None:
    """Carry the three messages."""
    listener.handshake(dialer.handshake(listener.handshake(dialer.start())))


def connected() -> tuple[SecureChannel, SecureChannel]:
    """Make two ends that trust each other."""
    ends = pair()
    shakeHands(*ends)
    return ends


def test_bothKnowWhoIsThere() -> None:
    """
    Each end has the other's proven identity, and reads what the other writes.
    """
    dialer, listener = connected()
    assert dialer.established
    assert listener.established
    assert (dialer.peer, listener.peer) == (BOB.publicKey, ALICE.publicKey)
    for one, other in [(dialer, listener), (listener, dialer)]:
        assert other.decrypt(one.encrypt(b"hello")) == b"hello"


@pytest.mark.parametrize(
    ("dialerMuxers", "listenerMuxers", "both"),
    [
        (YAMUX, YAMUX, {"/yamux/1.0.0"}),
        (YAMUX, (), set()),
        ((), YAMUX, set()),
        (("/a", "/b"), ("/c",), set()),
        (("/a", "/b", "/c"), ("/c", "/b"), {"/b", "/c"}),
    ],
)
def test_muxers(
    dialerMuxers: tuple[str, ...], listenerMuxers: tuple[str, ...], both: set[str]
) -> None:
    """
    Each end knows which multiplexers both named.
    """
    dialer, listener = pair(dialerMuxers, listenerMuxers)
    shakeHands(dialer, listener)
    assert set(dialer.muxers) == set(listener.muxers) == both


def test_muxersUnasked() -> None:
    """
    A listener that names no multiplexers is told none: it need not understand.
    """
    lengths = []
    for listenerMuxers in ((), ("/other",)):
        dialer, listener = pair(YAMUX, listenerMuxers)
        lengths.append(len(dialer.handshake(listener.handshake(dialer.start()))))
    assert lengths[1] - lengths[0] == len(bytesField(4, bytesField(2, YAMUX[0].encode())))


@given(
    sizes=st.lists(st.integers(0, 3 * LONGEST_PLAINTEXT), max_size=4),
    cut=st.integers(1, LONGEST_PLAINTEXT),
)
def test_anySizes(sizes: list[int], cut: int) -> None:
    """
    Data of any length arrives, in whatever pieces it comes, and the messages that carry it are
    within Noise's limit.
    """
    dialer, listener = connected()
    data = [bytes([index + 1]) * size for index, size in enumerate(sizes)]
    written = b"".join(map(dialer.encrypt, data))
    pieces = [written[start : start + cut] for start in range(0, len(written), cut)]
    assert b"".join(map(listener.decrypt, pieces)) == b"".join(data)


def test_byteByByte() -> None:
    """
    A handshake that comes a byte at a time is one.
    """
    dialer, listener = pair()
    first = dialer.start()
    second = b"".join(listener.handshake(bytes([byte])) for byte in first)
    third = b"".join(dialer.handshake(bytes([byte])) for byte in second)
    assert b"".join(listener.handshake(bytes([byte])) for byte in third) == b""
    assert listener.established


def test_dataWithTheLastMessage() -> None:
    """
    What follows the handshake at once is not lost.
    """
    dialer, listener = pair()
    third = dialer.handshake(listener.handshake(dialer.start()))
    assert listener.handshake(third + dialer.encrypt(b"early")) == b""
    assert listener.decrypt(b"") == b"early"


def test_wrongPeer() -> None:
    """
    Who is somebody else, though proven, is not told who we are.
    """
    dialer = pair()[0]
    mallory = SecureChannel(MALLORY, dialer=False)
    answer = mallory.handshake(dialer.start())
    with pytest.raises(WrongPeer) as caught:
        dialer.handshake(answer)
    assert not dialer.established
    for identity in (BOB, MALLORY, ALICE):
        assert identity.peerID not in str(caught.value)


class _Impostor(SecureChannel):
    """Says that it is Bob; it has only Bob's public key, and what Bob once signed."""

    signature = b""

    def _payload(self, muxers: tuple[str, ...]) -> bytes:
        return bytesField(1, BOB.publicKey.encoded) + bytesField(2, self.signature)


@pytest.mark.parametrize("signed", [b"", b"noise-libp2p-static-key:" + bytes(32)])
@pytest.mark.parametrize("dials", [True, False])
def test_impostor(signed: bytes, dials: bool) -> None:
    """
    Who can't sign the key that Noise uses is not who it says it is.
    """
    impostor = _Impostor(MALLORY, dialer=dials)
    impostor.signature = BOB.sign(signed) if signed else bytes(64)
    victim = SecureChannel(ALICE, dialer=not dials)
    ends = (impostor, victim) if dials else (victim, impostor)
    with pytest.raises(IdentityUnproven):
        shakeHands(*ends)
    assert not victim.established
    assert not hasattr(victim, "peer")


def test_manInTheMiddle() -> None:
    """
    Who passes Bob's proof on, with a key of Noise of his own, is found out; who passes on all
    bytes reads none.
    """
    dialer, listener = pair()
    toBob = SecureChannel(MALLORY, dialer=True)
    toBob.handshake(listener.handshake(toBob.start()))
    stolen = bytesField(1, BOB.publicKey.encoded) + bytesField(2, bytes(64))

    class Relaying(SecureChannel):
        def _payload(self, muxers: tuple[str, ...]) -> bytes:
            return stolen

    toAlice = Relaying(MALLORY, dialer=False)
    with pytest.raises(IdentityUnproven):
        dialer.handshake(toAlice.handshake(dialer.start()))


PAYLOADS = {
    "nothing": b"",
    "no signature": bytesField(1, BOB.publicKey.encoded),
    "no key": bytesField(2, bytes(64)),
    "noise": b"\xff\xff\xff",
    "a number for a key": numberField(1, 1) + bytesField(2, bytes(64)),
    "bad extensions": bytesField(1, BOB.publicKey.encoded)
    + bytesField(2, bytes(64))
    + bytesField(4, b"\xff"),
    "muxers that are no text": bytesField(1, BOB.publicKey.encoded)
    + bytesField(2, bytes(64))
    + bytesField(4, bytesField(2, b"\xff")),
    "a key of no kind": bytesField(1, b"\x08\x09\x12\x00") + bytesField(2, bytes(64)),
}


def handshakeWith(payload: bytes, victim: SecureChannel) -> None:
    """Say this as the listener."""
    raw = HandshakeState(
        initiator=False,
        static=X25519PrivateKey.generate(),
        ephemeral=X25519PrivateKey.generate(),
    )
    raw.read(victim.start()[2:])
    message = raw.write(payload)
    victim.handshake(len(message).to_bytes(2, "big") + message)


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_malformedPayloads(payload: bytes) -> None:
    """
    Whoever does not say properly who it is, is nobody.
    """
    victim = SecureChannel(ALICE, dialer=True)
    with pytest.raises((HandshakeError, IdentityError)):
        handshakeWith(payload, victim)
    assert not victim.established


def test_unknownFieldsInAPayload() -> None:
    """
    What others add to the payload is skipped: hashes of certificates, or what is to come.
    """
    extensions = bytesField(1, bytes(34)) + bytesField(2, b"/a") + numberField(9, 1)

    class Chatty(SecureChannel):
        def _payload(self, muxers: tuple[str, ...]) -> bytes:
            more = bytesField(4, extensions) + bytesField(9, b"?") + bytesField(4, extensions)
            return more + super()._payload(())

    dialer = SecureChannel(ALICE, dialer=True, muxers=("/a", "/b"))
    shakeHands(dialer, Chatty(BOB, dialer=False))
    assert dialer.muxers == ("/a",)


def test_rsaPeer() -> None:
    """
    A peer with an identity of another kind is understood.
    """
    private = rsa.generate_private_key(65537, 2048)
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    bob = Identity.generate()
    bob.publicKey = PublicKey(encodeKey(0, public))
    bob.sign = lambda data: private.sign(  # type: ignore[method-assign]
        data, padding.PKCS1v15(), SHA256()
    )
    dialer = SecureChannel(ALICE, dialer=True, expected=bob.publicKey.multihash)
    shakeHands(dialer, SecureChannel(bob, dialer=False))
    assert dialer.peer == bob.publicKey


@pytest.mark.parametrize("dials", [True, False])
def test_longHandshakeMessages(dials: bool) -> None:
    """
    A message that is longer than any of a handshake is refused before it has come.
    """
    victim = SecureChannel(ALICE, dialer=dials)
    victim.start()
    with pytest.raises(HandshakeError, match="8193 bytes"):
        victim.handshake((8193).to_bytes(2, "big"))


@given(turn=st.integers(0, 2), where=st.integers(2, 10_000), bit=st.integers(0, 7))
def test_flippedBitsInTheHandshake(turn: int, where: int, bit: int) -> None:
    """
    A bit that was changed in any message ends the handshake.
    """
    ends = pair()
    message = ends[0].start()
    for each in range(3):
        if each == turn:
            changed = bytearray(message)
            changed[2 + where % (len(message) - 2)] ^= 1 << bit
            message = bytes(changed)
        try:
            message = ends[1 - each % 2].handshake(message)
        except Libp2pError:
            break
    assert not ends[1].established
    # The first is not protected: what happened to it is found out in the second.
    assert each == max(turn, 1)


MESSAGES = [b"first" * 10, b"second" * 10, b"third" * 10]


def received(messages: list[bytes], listener: SecureChannel) -> list[bytes]:
    """Give what the application gets before the error that must come."""
    delivered = []
    try:
        for message in messages:
            delivered.append(listener.decrypt(message))  # noqa: PERF401 - it is to fail midway
    except DecryptionFailed:
        return delivered
    return pytest.fail("all was taken for authentic")


@given(which=st.integers(0, 2), where=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_flippedBits(which: int, where: int, bit: int) -> None:
    """
    Of a message in which a bit was changed the application gets nothing.
    """
    dialer, listener = connected()
    messages = [bytearray(dialer.encrypt(text)) for text in MESSAGES]
    messages[which][2 + where % (len(messages[which]) - 2)] ^= 1 << bit
    assert received([bytes(each) for each in messages], listener) == MESSAGES[:which]


def test_replayedAndReordered() -> None:
    """
    Of a message that comes twice, too early, from ourselves or from another connection the
    application gets nothing.
    """
    for order in [(0, 0), (1,), (0, 2), (2, 1, 0)]:
        dialer, listener = connected()
        messages = [dialer.encrypt(text) for text in MESSAGES]
        rightly = [MESSAGES[0]] if order[0] == 0 else []
        assert received([messages[index] for index in order], listener) == rightly
    dialer, listener = connected()
    assert received([listener.encrypt(b"mirrored")], listener) == []
    assert received([connected()[0].encrypt(b"from elsewhere")], listener) == []


@given(size=st.integers(0, 65))
def test_truncated(size: int) -> None:
    """
    A message that was cut is never delivered; bytes of the next complete it wrongly.
    """
    dialer, listener = connected()
    first, second = dialer.encrypt(MESSAGES[0]), dialer.encrypt(MESSAGES[1])
    size = min(size, len(first) - 1)
    assert listener.decrypt(first[:size]) == b""
    with pytest.raises(DecryptionFailed):
        listener.decrypt(second + dialer.encrypt(bytes(70_000)))


@pytest.mark.parametrize("size", [0, 1, 15])
def test_shorterThanItsTag(size: int) -> None:
    """
    A message without room for its tag is not authentic.
    """
    with pytest.raises(DecryptionFailed):
        connected()[1].decrypt(size.to_bytes(2, "big") + bytes(size))


def test_emptyMessages() -> None:
    """
    A message of no bytes is one.
    """
    dialer, listener = connected()
    empty = dialer._sending.encrypt(b"")
    assert listener.decrypt(len(empty).to_bytes(2, "big") + empty) == b""
    assert listener.decrypt(dialer.encrypt(b"next")) == b"next"
