# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What has come on a stream, until its protocol reads it.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = ["Inbox"]

_LARGEST_PIECE = 64 * 1024


class Inbox:
    """
    Delivers at once what comes; while it is stopped, keeps it.  How much can come then is limited
    by the peer's window, which opens again only for what was delivered.
    """

    def __init__(
        self,
        clock: IReactorTime,
        deliver: Callable[[bytes], object],
        delivered: Callable[[int], object],
        ended: Callable[[], object],
    ) -> None:
        """
        @param deliver: takes data.
        @param delivered: is told how many bytes were taken.
        @param ended: called once all has been taken that will ever come.
        """
        self._clock = clock
        self._deliver = deliver
        self._delivered = delivered
        self._ended = ended
        # Not the pieces as they come: of one byte each, they would take forty times as much.
        self._kept = bytearray()
        self._putBack = b""
        self._end = False
        self._open = True
        self._later: IDelayedCall | None = None

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, data: bytes) -> None:
        """
        Data has come.
        """
        if self._kept or not self._open:
            self._kept += data
        else:
            self._take(data)

    def end(self) -> None:
        """
        No more will come.
        """
        self._end = True
        self._run()

    def putBack(self, data: bytes) -> None:
        """
        While data is being delivered: deliver the rest of it once more.
        """
        self._putBack = data

    def start(self) -> None:
        """
        Deliver, beginning a little later.
        """
        self._open = True
        if (self._kept or self._end) and self._later is None:
            self._later = self._clock.callLater(0, self._runLater)

    def stop(self) -> None:
        """
        Keep what comes.
        """
        self._open = False

    def clear(self) -> None:
        """
        Deliver nothing any more.
        """
        self._open = self._end = False
        self._kept.clear()
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def _runLater(self) -> None:
        self._later = None
        self._run()

    def _run(self) -> None:
        while self._kept and self._open:
            data = bytes(self._kept[:_LARGEST_PIECE])
            del self._kept[:_LARGEST_PIECE]
            self._take(data)
        if self._end and self._open:
            self._end = False
            self._ended()

    def _take(self, data: bytes) -> None:
        self._deliver(data)
        rest, self._putBack = self._putBack, b""
        self._delivered(len(data) - len(rest))
        if rest:
            self._kept[:0] = rest
            self._run()
