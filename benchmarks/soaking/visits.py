# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What the dialer does with a connection.
"""

from __future__ import annotations

import random
from typing import Any

from measuring.protocols import Measured
from measuring.requests import Ask, encode
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.error import TimeoutError

from onionp2p import OnionClientEndpoint

__all__ = ["Echoed", "visit"]


class Echoed(Measured):
    """
    Sends bytes and has them sent back, each of which is compared.

    @ivar corrupt: whether something else came back.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._sent = random.randbytes(size)  # noqa: S311 - no secret
        self._at = 0
        self.corrupt = False

    def begin(self) -> None:
        self.transport.write(encode(Ask.ECHO) + self._sent)

    def dataReceived(self, data: bytes) -> None:
        end = self._at + len(data)
        if data != self._sent[self._at : end]:
            self.corrupt = True
        self._at = end
        if end >= len(self._sent) and not self.done.called:
            self.done.callback(None)


async def visit(reactor: Any, endpoint: OnionClientEndpoint, size: int, seconds: float) -> str:
    """
    Connect, send so many bytes and have them sent back.

    @param seconds: in which all of it must be done.

    @return: what went wrong, if anything: what connecting or the connection ended with.

    @raise ValueError: if other bytes came back.
    """
    protocol = Echoed(size)
    going = Deferred.fromCoroutine(_go(endpoint, protocol))
    going.addTimeout(seconds, reactor)
    problem = ""
    try:
        await going
    except TimeoutError:
        problem = "it took too long"
    except Exception as error:  # noqa: BLE001 - of any kind: it is counted
        problem = type(error).__name__
    if protocol.corrupt:
        raise ValueError("other bytes came back")
    return problem


async def _go(endpoint: OnionClientEndpoint, protocol: Echoed) -> None:
    await connectProtocol(endpoint, protocol)
    try:
        protocol.begin()
        await protocol.done
    finally:
        protocol.transport.abortConnection()
