# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What yamux knows of one stream (libp2p specs, C{yamux/README.md}, "Flow Control"): how much each end
may send, and which has sent its last.
"""

from __future__ import annotations

from dataclasses import dataclass

from onionp2p.libp2p.errors import YamuxError
from onionp2p.libp2p.frames import Flags

__all__ = ["INITIAL_WINDOW", "LARGEST_WINDOW", "StreamState"]

INITIAL_WINDOW = 256 * 1024
"""Bytes that either end may send on a new stream before it hears more."""

LARGEST_WINDOW = (1 << 32) - 1
"""Bytes of the largest window that can be said."""


@dataclass(slots=True)
class StreamState:
    """
    @ivar first: what our first frame is to say.
    @ivar window: bytes that the peer may send before they are read.
    @ivar granted: of these, how many it may still send.
    @ivar consumed: bytes that were read, and for which nothing was granted yet.
    @ivar room: bytes that we may send.
    @ivar accepted: whether the peer has answered.
    @ivar finished: whether we send no more.
    @ivar peerFinished: whether the peer sends no more.
    @ivar discards: whether what it sends is dropped.
    """

    first: Flags
    window: int
    granted: int = INITIAL_WINDOW
    consumed: int = 0
    room: int = INITIAL_WINDOW
    accepted: bool = False
    finished: bool = False
    peerFinished: bool = False
    discards: bool = False

    @property
    def over(self) -> bool:
        """
        Whether neither end sends any more.
        """
        return self.finished and self.peerFinished

    def grant(self, count: int) -> None:
        """
        The peer is told that it may send more.
        """
        self.granted += count

    def take(self, count: int) -> None:
        """
        The peer sends data.

        @raise YamuxError: if it may not.
        """
        if count > self.granted:
            raise YamuxError("The peer sent more than its window allows.")
        if self.peerFinished and count:
            raise YamuxError("The peer sent data on a stream that it had finished.")
        self.granted -= count

    def read(self, count: int) -> int:
        """
        Data was read.

        @return: what is now to be granted: nothing, until it is worth a frame.
        """
        if self.peerFinished:
            return 0
        self.consumed += count
        if self.consumed * 2 < self.window:
            return 0
        more, self.consumed = self.consumed, 0
        return more

    def widen(self, count: int) -> bool:
        """
        The peer grants us more.

        @return: whether there was nothing before.

        @raise YamuxError: if that is more than can be.
        """
        if self.room + count > LARGEST_WINDOW:
            raise YamuxError("A window is larger than can be.")
        was, self.room = self.room, self.room + count
        return was == 0 < count
