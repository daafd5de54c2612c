# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A port that takes dials, where tors usually have one.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import TimeoutError
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Protocol

from onionp2p.doctor.asking import SECONDS
from onionp2p.doctor.finding import Finding, well
from onionp2p.local.places import Place
from onionp2p.waiting.outcome import Outcome

__all__ = ["checkSocksPort"]

_SOCKS5_GREETING = b"\x05\x01\x00"


class _Greeting(Protocol):
    """
    Greets a SOCKS5 proxy (RFC 1928, section 3).
    """

    def __init__(self) -> None:
        self.answered: Outcome[bytes] = Outcome()

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(_SOCKS5_GREETING)

    def dataReceived(self, data: bytes) -> None:
        self.answered.succeed(data[:1])

    def connectionLost(self, reason: Any = None) -> None:
        self.answered.succeed(b"")


async def checkSocksPort(reactor: Any, port: int) -> list[Finding]:
    """
    Whether dials can go by a port where tors usually take them.
    """
    place = Place(port=port)
    greeting = _Greeting()
    try:
        await place.connect(reactor, greeting, SECONDS)
    except (ConnectError, OSError):
        return []
    transport: Any = greeting.transport
    try:
        answer = await greeting.answered.wait().addTimeout(SECONDS, reactor)
    except TimeoutError:
        answer = b""
    finally:
        transport.abortConnection()
    if answer != _SOCKS5_GREETING[:1]:
        return []
    return [well("running tor", f"at {place.name}: it takes dials (socks={port})")]
