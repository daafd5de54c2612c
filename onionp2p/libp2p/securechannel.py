# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
libp2p's C{/noise} (libp2p specs, C{noise/README.md}): Noise, and the proof of who is there.

Sans-I/O: bytes in, bytes out.  Each message has its length before it, in two bytes.  The second and
the third of the handshake carry a peer's identity key and its signature of the key that Noise uses,
and may name stream multiplexers, which spares both ends a round trip (libp2p specs,
C{connections/inlined-muxer-negotiation.md}).
"""

from __future__ import annotations

from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from onionp2p.libp2p.errors import HandshakeError, WireError, WrongPeer
from onionp2p.libp2p.identity import Identity
from onionp2p.libp2p.noise import LONGEST_MESSAGE, TAG, CipherState, HandshakeState
from onionp2p.libp2p.publickey import PublicKey
from onionp2p.libp2p.wire import Message, bytesField

__all__ = ["LONGEST_PLAINTEXT", "SecureChannel"]

LONGEST_PLAINTEXT = LONGEST_MESSAGE - TAG
"""Bytes of ours in one message."""

_LONGEST_HANDSHAKE = 8192
"""Bytes of a handshake's message; with the largest RSA key we take, it has some 2,300."""

_SIGNED = b"noise-libp2p-static-key:"


class SecureChannel:
    """
    One end of an encrypted connection.

    Write what L{start} gives, pass what is received to L{handshake} and write what that returns,
    until L{established}.  From then on pass what is received to L{decrypt}, first of all nothing:
    some may have come with the handshake's end.

    @ivar established: whether the peer has proven who it is.
    @ivar peer: who that is.
    @ivar muxers: the multiplexers that both named, in our order.
    """

    peer: PublicKey

    def __init__(
        self,
        identity: Identity,
        *,
        dialer: bool,
        expected: bytes | None = None,
        muxers: tuple[str, ...] = (),
    ) -> None:
        """
        @param dialer: whether we begin.
        @param expected: the peer id (a multihash) that the peer must have.
        @param muxers: what we name; as the dialer, only if the listener named some.
        """
        self._identity = identity
        self._dialer = dialer
        self._expected = expected
        self._ourMuxers = muxers
        self._static = X25519PrivateKey.generate()
        self._handshake = HandshakeState(
            initiator=dialer, static=self._static, ephemeral=X25519PrivateKey.generate()
        )
        self._buffer = bytearray()
        self._sending: CipherState
        self._receiving: CipherState
        self._messages = 0
        self._asked = False
        self.established = False
        self.muxers: tuple[str, ...] = ()

    def start(self) -> bytes:
        """
        Give what to write first: the listener, nothing.
        """
        return _frame(self._handshake.write(b"")) if self._dialer else b""

    def handshake(self, data: bytes) -> bytes:
        """
        Take bytes of the peer, in pieces of any size.

        @return: what to write now; may be empty.

        @raise Libp2pError: the peer is not whom we want; nothing more may be passed in.
        """
        self._buffer += data
        written = b""
        while not self.established:
            message = self._next()
            if message is None:
                break
            written += self._answer(message)
        return written

    def encrypt(self, data: bytes | bytearray) -> bytes:
        """
        Give what to write for C{data} to be received.

        @raise NonceExhausted: none can be sent any more.
        """
        view = memoryview(data)
        return b"".join(
            _frame(self._sending.encrypt(view[start : start + LONGEST_PLAINTEXT]))
            for start in range(0, len(view), LONGEST_PLAINTEXT)
        )

    def decrypt(self, data: bytes) -> bytes:
        """
        Take bytes of the peer, in pieces of any size.

        @return: what the whole messages among them hold.

        @raise DecryptionFailed: if one is not authentic; nothing more may be passed in.
        @raise NonceExhausted: none can be received any more.
        """
        self._buffer += data
        return b"".join(self._plaintexts())

    def _plaintexts(self) -> Iterator[bytes]:
        position = 0
        with memoryview(self._buffer) as view:
            while len(view) - position >= 2:
                end = position + 2 + (view[position] << 8 | view[position + 1])
                if end > len(view):
                    break
                yield self._receiving.decrypt(view[position + 2 : end])
                position = end
        del self._buffer[:position]

    def _next(self) -> bytes | None:
        """
        Take the next message from what has been received, if it is all there.
        """
        if len(self._buffer) < 2:
            return None
        size = self._buffer[0] << 8 | self._buffer[1]
        if size > _LONGEST_HANDSHAKE:
            raise HandshakeError(f"A message of it has {size} bytes.")
        if len(self._buffer) < 2 + size:
            return None
        message = bytes(self._buffer[2 : 2 + size])
        del self._buffer[: 2 + size]
        return message

    def _answer(self, message: bytes) -> bytes:
        payload = self._handshake.read(message)
        if self._dialer:
            self._identify(payload)
            # A listener that named none need not understand an answer.
            last = self._handshake.write(self._payload(self._ourMuxers if self._asked else ()))
            self._establish()
            return _frame(last)
        self._messages += 1
        if self._messages == 1:
            return _frame(self._handshake.write(self._payload(self._ourMuxers)))
        self._identify(payload)
        self._establish()
        return b""

    def _payload(self, muxers: tuple[str, ...]) -> bytes:
        """
        Write a C{NoiseHandshakePayload}.
        """
        static = self._static.public_key().public_bytes_raw()
        extensions = b"".join(bytesField(2, name.encode("utf-8")) for name in muxers)
        return (
            bytesField(1, self._identity.publicKey.encoded)
            + bytesField(2, self._identity.sign(_SIGNED + static))
            + (bytesField(4, extensions) if extensions else b"")
        )

    def _identify(self, payload: bytes) -> None:
        """
        Read the peer's C{NoiseHandshakePayload}, and find out who it is.
        """
        try:
            message = Message(payload)
            key, signature = message.last(1), message.last(2)
            # Several of one message are merged, which is what joining their bytes does.
            muxers = Message(b"".join(message.all(4))).texts(2)
        except WireError as problem:
            raise HandshakeError(problem.detail) from None
        if key is None or signature is None:
            raise HandshakeError("The peer did not say who it is.")
        peer = PublicKey(key)
        peer.verify(signature, _SIGNED + self._handshake.remoteStatic)
        if self._expected is not None and peer.multihash != self._expected:
            raise WrongPeer
        self.peer = peer
        self._asked = bool(muxers)
        self.muxers = tuple(name for name in self._ourMuxers if name in muxers)

    def _establish(self) -> None:
        self._sending, self._receiving = self._handshake.split()
        self.established = True


def _frame(message: bytes) -> bytes:
    return len(message).to_bytes(2, "big") + message
