# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What runs on a connection while it is measured: Twisted protocols, the same for all contenders.

They do as little as can be, since all that they do is counted.
"""

from __future__ import annotations

import time
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from measuring.requests import BANNER, CHUNK, Ask, encode

__all__ = ["MESSAGE", "Download", "Idle", "Listener", "Measured", "RoundTrips", "Sender", "Upload"]

MESSAGE = b"m" * 64


class Measured(Protocol):
    """
    A client, which does what it is for once it is told to begin.

    @ivar done: fires when that is done; fails if it can't be.
    @ivar closed: fires when the connection is over.
    """

    transport: Any = None

    def __init__(self) -> None:
        self.done: Deferred[None] = Deferred()
        self.closed: Deferred[None] = Deferred()

    def begin(self) -> None:
        """
        Do what it is for, now that it is connected.
        """

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.done.called:
            self.done.errback(reason)
        self.closed.callback(None)


class Idle(Measured):
    """
    Does nothing with its connection, and so is done from the beginning.
    """

    def __init__(self) -> None:
        super().__init__()
        self.done.callback(None)


class RoundTrips(Measured):
    """
    Sends a message and waits for its echo, so many times.

    @ivar arrivals: when the first was sent, and when each has come back.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        self._left = count
        self._missing = len(MESSAGE)
        self.arrivals: list[float] = []

    def begin(self) -> None:
        self.arrivals.append(time.perf_counter())
        # The request goes with the first message: it is no round trip.
        self.transport.write(encode(Ask.ECHO) + MESSAGE)

    def dataReceived(self, data: bytes) -> None:
        self._missing -= len(data)
        if self._missing:
            return
        self.arrivals.append(time.perf_counter())
        self._left -= 1
        if self._left:
            self._missing = len(MESSAGE)
            self.transport.write(MESSAGE)
        else:
            self.done.callback(None)


class Download(Measured):
    """
    Receives so many bytes.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = self._missing = size

    def begin(self) -> None:
        self.transport.write(encode(Ask.SOURCE, self._size))

    def dataReceived(self, data: bytes) -> None:
        self._missing -= len(data)
        if not self._missing:
            self.done.callback(None)


@implementer(IPushProducer)
class Sender:
    """
    Sends so many bytes, as fast as they are taken and no faster.
    """

    def __init__(self, transport: Any, size: int) -> None:
        self._transport = transport
        self._left = size
        self._paused = False
        transport.registerProducer(self, True)
        self.resumeProducing()

    def resumeProducing(self) -> None:
        self._paused = False
        while self._left and not self._paused:
            chunk = CHUNK if self._left >= len(CHUNK) else CHUNK[: self._left]
            self._left -= len(chunk)
            self._transport.write(chunk)
        if not self._left:
            self._transport.unregisterProducer()

    def pauseProducing(self) -> None:
        self._paused = True

    def stopProducing(self) -> None:
        self._left, self._paused = 0, True


class Upload(Measured):
    """
    Sends so many bytes, and waits until they have arrived.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def begin(self) -> None:
        self.transport.write(encode(Ask.SINK, self._size))
        Sender(self.transport, self._size)

    def dataReceived(self, data: bytes) -> None:
        self.done.callback(None)


class Listener(Measured):
    """
    Waits for the first words of a server that speaks first.
    """

    def __init__(self) -> None:
        super().__init__()
        self._missing = len(BANNER)

    def dataReceived(self, data: bytes) -> None:
        self._missing -= len(data)
        if not self._missing:
            self.done.callback(None)
