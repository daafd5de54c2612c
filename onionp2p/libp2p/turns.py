# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
When streams write: in turn, a piece each, while the transport takes more.

So one stream's megabytes don't keep the others waiting, and what waits for the peer to read waits
in its stream, whose producer is paused, and not in the transport's buffer.  Only answers to the
peer, to pings and new streams, go out at any time; who wants many without reading is cut off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from zope.interface import implementer

from onionp2p.libp2p.errors import PeerDoesNotRead
from onionp2p.libp2p.yamux import Session

if TYPE_CHECKING:
    from onionp2p.libp2p.stream import Stream

__all__ = ["Turns"]

_BATCH = 64 * 1024
"""Bytes that are gathered before they are written: a message of Noise has 65,519."""


@implementer(IPushProducer)
class Turns:
    """
    What a connection writes.  It is the producer of the connection's transport.
    """

    def __init__(
        self,
        clock: IReactorTime,
        session: Session,
        write: Callable[[bytes], object],
        fail: Callable[[PeerDoesNotRead], object],
        unreadAnswers: int,
    ) -> None:
        """
        @param write: takes what the session sends.
        @param fail: is told if the peer does not read.
        @param unreadAnswers: bytes that go out while the transport takes no more.
        """
        self._clock = clock
        self._session = session
        self._write = write
        self._fail = fail
        self._limit = unreadAnswers
        self._waiting: dict[Stream, None] = {}
        self._paused = False
        self._unread = 0
        self._open = True
        self._held = False
        self._later: IDelayedCall | None = None

    def add(self, stream: Stream) -> None:
        """
        A stream wants its turn.
        """
        self._waiting[stream] = None
        self.soon()

    def remove(self, stream: Stream) -> None:
        """
        A stream is over.
        """
        self._waiting.pop(stream, None)

    def soon(self) -> None:
        """
        Write what there is to write, a little later, all at once.
        """
        if self._later is None and not self._held and self._open:
            self._later = self._clock.callLater(0, self._runLater)

    def hold(self) -> None:
        """
        Write nothing until L{run} is called: it will be soon.
        """
        self._held = True

    def run(self) -> None:
        """
        Write now.
        """
        self._held = True
        while self._waiting and not self._paused and self._open:
            self._runBatch()
        self._writeOutput()
        self._held = False

    def close(self) -> None:
        """
        Write nothing any more.
        """
        self._open = False
        self._waiting.clear()
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def _runLater(self) -> None:
        self._later = None
        self.run()

    def _runBatch(self) -> None:
        while self._waiting and self._session.pending < _BATCH:
            stream = next(iter(self._waiting))
            del self._waiting[stream]
            if stream.writes and not stream.blocked:
                stream.doWriting()
                if stream.writes:
                    self._waiting[stream] = None
        self._writeOutput()

    def _writeOutput(self) -> None:
        if not self._open:
            return
        output = self._session.takeOutput()
        if self._paused:
            # There is no data of streams in it.
            self._unread += len(output)
            if self._unread > self._limit:
                self._fail(PeerDoesNotRead())
                return
        if output:
            self._write(output)

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        self._unread = 0
        self.soon()

    def stopProducing(self) -> None:
        """
        The transport is lost; the connection hears of it.
        """
