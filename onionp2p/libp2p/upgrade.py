# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How a connection becomes a libp2p connection (libp2p specs, C{connections/README.md}, "Upgrading"):
both ends agree on Noise, shake hands, and agree on yamux, unless the handshake did that too.

Sans-I/O: bytes in, bytes out.
"""

from __future__ import annotations

from enum import Enum

from onionp2p.libp2p.identity import Identity
from onionp2p.libp2p.multistream import Chooser, Proposer
from onionp2p.libp2p.securechannel import SecureChannel

__all__ = ["Upgrade"]

_NOISE = "/noise"
_YAMUX = "/yamux/1.0.0"


class _Step(Enum):
    SECURITY = "agreeing on Noise"
    HANDSHAKE = "shaking hands"
    MULTIPLEXER = "agreeing on yamux"
    DONE = "done"


class Upgrade:
    """
    One end of it.

    Write what L{start} gives, pass what is received to L{receive} and write what that returns,
    until L{done}.

    @ivar channel: what encrypts and decrypts from then on, and knows who the peer is.
    @ivar rest: what of the session came already, decrypted.
    """

    def __init__(self, identity: Identity, *, dialer: bool, expected: bytes | None = None) -> None:
        """
        @param dialer: whether we made the connection.
        @param expected: the peer id (a multihash) that the peer must have.
        """
        self._dialer = dialer
        self.channel = SecureChannel(identity, dialer=dialer, expected=expected, muxers=(_YAMUX,))
        self._negotiation = self._negotiate(_NOISE)
        self._step = _Step.SECURITY
        self.rest = b""

    @property
    def done(self) -> bool:
        """
        Whether there is a session now.
        """
        return self._step is _Step.DONE

    @property
    def phase(self) -> str:
        """
        What is being done, for messages.
        """
        return self._step.value

    def start(self) -> bytes:
        """
        Give what to write first; the listener, nothing.
        """
        return self._propose()

    def receive(self, data: bytes) -> bytes:
        """
        Take bytes of the peer, in pieces of any size.

        @return: what to write now; may be empty.

        @raise Libp2pError: there will be no libp2p connection; nothing more may be passed in.
        """
        written = b""
        if self._step is _Step.SECURITY:
            written = self._negotiation.receive(data)
            if self._negotiation.protocol is None:
                return written
            data = self._negotiation.rest
            written += self.channel.start()
            self._step = _Step.HANDSHAKE
        if self._step is _Step.HANDSHAKE:
            written += self.channel.handshake(data)
            if not self.channel.established:
                return written
            data = b""
            if _YAMUX in self.channel.muxers:
                self._step = _Step.DONE
            else:
                self._negotiation = self._negotiate(_YAMUX)
                written += self.channel.encrypt(self._propose())
                self._step = _Step.MULTIPLEXER
        data = self.channel.decrypt(data)
        if self._step is _Step.MULTIPLEXER:
            written += self.channel.encrypt(self._negotiation.receive(data))
            if self._negotiation.protocol is None:
                return written
            data = self._negotiation.rest
            self._step = _Step.DONE
        self.rest = data
        return written

    def _negotiate(self, name: str) -> Proposer | Chooser:
        return Proposer([name]) if self._dialer else Chooser([name])

    def _propose(self) -> bytes:
        return self._negotiation.start() if isinstance(self._negotiation, Proposer) else b""
