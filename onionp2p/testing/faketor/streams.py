# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A stream through Tor: two connections of two tors, joined.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from onionp2p.waiting.outcome import Outcome

__all__ = ["Stream", "StreamEnd"]


class StreamEnd(Protocol):
    """
    One of the two connections; what it receives, the other one sends.

    @ivar stream: what joins it to the other; until there is one, what comes is kept.
    @ivar early: what was kept.
    @ivar lost: whether the connection has ended.
    """

    transport: Any = None

    def __init__(self) -> None:
        self.stream: Stream | None = None
        self.early: list[bytes] = []
        self.lost = False

    def dataReceived(self, data: bytes) -> None:
        if self.stream is None:
            self.early.append(data)
        else:
            self.stream.carry(self, data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = True
        if self.stream is not None:
            self.stream.close()


class Stream:
    """
    Carries bytes both ways, no faster than they are taken.  Like tor's, it has no half-close: when
    one end closes, the other does once it has sent what was carried.

    @ivar name: what was dialled, with its port.
    @ivar number: names it where it was dialled.
    @ivar closed: whether the first end has closed.
    """

    number = 0

    def __init__(self, name: str, dialer: StreamEnd, listener: StreamEnd, greeting: bytes) -> None:
        """
        @param name: what was dialled, with its port.
        @param dialer: the connection of the side that dialled.
        @param listener: the connection to the side that was dialled.
        @param greeting: is sent to the dialer together with the listener's first bytes, at the
            latest when the stream closes.
        """
        self._others = {dialer: listener, listener: dialer}
        self._dialer = dialer
        self._greeting = greeting
        self.name = name
        self._frozenBy: set[object] = set()
        self.closed: Outcome[None] = Outcome()
        for end, other in self._others.items():
            end.stream = self
            end.transport.registerProducer(other.transport, True)
        for end in self._others:
            for data in end.early:
                self.carry(end, data)
            end.early.clear()
        if dialer.lost or listener.lost:
            self.close()

    def carry(self, source: StreamEnd, data: bytes) -> None:
        """
        Bring what one end received to the other.
        """
        other = self._others[source]
        if other is self._dialer:
            data, self._greeting = self._greeting + data, b""
        other.transport.write(data)

    def close(self) -> None:
        """
        End it, at both ends.
        """
        if self.closed.known:
            return
        self.closed.succeed(None)
        self.carry(self._others[self._dialer], b"")
        for end in self._others:
            end.transport.unregisterProducer()
            end.transport.loseConnection()

    def abort(self) -> None:
        """
        End it at once, and lose what is under way.
        """
        self.close()
        for end in self._others:
            end.transport.abortConnection()

    def freeze(self, why: object) -> None:
        """
        Carry nothing for a while.

        @param why: there may be several reasons at a time.
        """
        self._frozenBy.add(why)
        for end in self._others:
            end.transport.pauseProducing()

    def thaw(self, why: object) -> None:
        """
        Go on, if there was no other reason.
        """
        self._frozenBy.discard(why)
        if not self._frozenBy:
            for end in self._others:
                end.transport.resumeProducing()
