# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How much and how long a peer may.
"""

from __future__ import annotations

from dataclasses import dataclass

from onionp2p.libp2p.windows import INITIAL_WINDOW, LARGEST_WINDOW

__all__ = ["OF_LISTENERS", "Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    The limits of one connection.  A peer can make us hold C{inboundStreams} times C{window} bytes
    that an application does not read; what applications write they see to themselves, as on TCP.

    @ivar handshake: seconds until a connection is a libp2p one; a round trip by Tor takes a second
        or more, and some peers need six.
    @ivar negotiation: seconds until both ends agree on a stream's protocol.
    @ivar linger: seconds that a stream stays after its end for the peer to read what was written,
        counted anew with each piece that it reads, and to say that it sends no more.
    @ivar idle: seconds without a stream after which a connection is closed; L{None} is never.
    @ivar inboundStreams: streams that the peer may have open at one time.
    @ivar pendingNegotiations: of these, how many may be without a protocol.
    @ivar window: bytes that the peer may send on a stream before they are read; at least 262,144.
    @ivar unreadAnswers: bytes that we answer, to pings and new streams, while the peer reads
        nothing.

    @raise ValueError: if there can be no such window.
    """

    handshake: float = 60.0
    negotiation: float = 60.0
    linger: float = 30.0
    idle: float | None = None
    inboundStreams: int = 256
    pendingNegotiations: int = 128
    window: int = INITIAL_WINDOW
    unreadAnswers: int = 64 * 1024

    def __post_init__(self) -> None:
        if not INITIAL_WINDOW <= self.window <= LARGEST_WINDOW:
            raise ValueError(f"a window has {INITIAL_WINDOW} to {LARGEST_WINDOW} bytes")


OF_LISTENERS = Limits(idle=300.0)
"""For who listens for protocols alone: of a connection without streams nobody knows to close it."""
