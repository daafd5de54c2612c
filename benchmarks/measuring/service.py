# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The same server as in the stand-in, as a Twisted protocol: what is behind the onion.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory, Protocol

from measuring.protocols import Sender
from measuring.requests import DONE, HEADER_LENGTH, Ask, decode

__all__ = ["ServiceFactory"]


class _Service(Protocol):
    """
    Does as it is asked.
    """

    transport: Any = None

    def __init__(self) -> None:
        self._header = b""
        self._missing = 0

    def dataReceived(self, data: bytes) -> None:
        self._header += data
        if len(self._header) < HEADER_LENGTH:
            return
        header, rest = self._header[:HEADER_LENGTH], self._header[HEADER_LENGTH:]
        ask, self._missing = decode(header)
        if ask is Ask.SOURCE:
            Sender(self.transport, self._missing)
            return
        if ask is Ask.ECHO:
            # Who doesn't take what comes back isn't read either.
            self.transport.registerProducer(self.transport, True)
        receive = self._echo if ask is Ask.ECHO else self._sink
        self.dataReceived = receive  # type: ignore[method-assign]
        receive(rest)

    def _echo(self, data: bytes) -> None:
        self.transport.write(data)

    def _sink(self, data: bytes) -> None:
        self._missing -= len(data)
        if self._missing <= 0:
            self.transport.write(DONE)


class ServiceFactory(Factory):
    """
    Serves.
    """

    noisy = False
    protocol = _Service
