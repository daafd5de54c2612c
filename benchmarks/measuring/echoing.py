# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Much data both ways at once, each byte of it checked, in a contender's process.
"""

from __future__ import annotations

import hashlib
import random
from typing import Any

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from measuring.contenders import Contender
from measuring.gauges import Meter, forgetPeak, peakMemory
from measuring.protocols import Measured
from measuring.requests import Ask, encode

__all__ = ["echo"]

_CHUNK = 65536
_RANDOM = 4 * 2**20
_STEP = 2**20 + 7
_READ_BEFORE_A_PAUSE = 2**20


@implementer(IPushProducer)
class _Echoed(Measured):
    """
    Sends so many bytes and receives them again.

    It sends no more than is taken, and reads no more than it wants: after each MiB it pauses for
    a turn of the reactor.

    @ivar sent: the digest of what was written.
    @ivar received: the digest of what came back.
    """

    def __init__(self, reactor: Any, size: int) -> None:
        super().__init__()
        self._reactor = reactor
        self._unsent = self._missing = size
        # No place of the stream is like another, so that none can be swapped.
        self._random = random.Random(size).randbytes(_RANDOM)  # noqa: S311 - no secret
        self._at = 0
        self._paused = False
        self._wanted = _READ_BEFORE_A_PAUSE
        self.sent, self.received = hashlib.sha256(), hashlib.sha256()

    def begin(self) -> None:
        self.transport.write(encode(Ask.ECHO))
        self.transport.registerProducer(self, True)
        self.resumeProducing()

    def resumeProducing(self) -> None:
        self._paused = False
        while self._unsent and not self._paused:
            chunk = self._random[self._at : self._at + min(_CHUNK, self._unsent)]
            self._at = (self._at + _STEP) % (_RANDOM - _CHUNK)
            self._unsent -= len(chunk)
            self.sent.update(chunk)
            self.transport.write(chunk)
        if not self._unsent:
            self.transport.unregisterProducer()

    def pauseProducing(self) -> None:
        self._paused = True

    def stopProducing(self) -> None:
        self._unsent = 0

    def dataReceived(self, data: bytes) -> None:
        self.received.update(data)
        self._missing -= len(data)
        self._wanted -= len(data)
        if not self._missing:
            self.done.callback(None)
        elif self._wanted <= 0:
            self._wanted = _READ_BEFORE_A_PAUSE
            self.transport.pauseProducing()
            self._reactor.callLater(0, self.transport.resumeProducing)


async def echo(contender: Contender, *, size: int) -> dict[str, Any]:
    """
    Send so many bytes and have them sent back.

    @return: whether they are C{equal}, by SHA-256; C{seconds}; C{growth}, the most bytes in memory
        during it over those when it was connected.
    """
    protocol = await contender.dial(_Echoed(contender.reactor, size))
    before = forgetPeak()
    meter = Meter()
    protocol.begin()
    await protocol.done
    result = {
        "equal": protocol.sent.digest() == protocol.received.digest(),
        "seconds": meter.clock,
        "growth": peakMemory() - before,
    }
    protocol.transport.loseConnection()
    await protocol.closed
    return result
