# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What a tor says, byte for byte: clients of its control and SOCKS sockets that interpret nothing.
"""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from onionp2p.testing.faketor.places import connectTo

__all__ = ["CLOSED", "ControlWire", "SocksWire"]

CLOSED = "(closed)"
"""Stands for the end of a connection in what it said."""

_LAST = re.compile(r"[1-57-9][0-9]{2} |\(closed\)")
_EVENT = re.compile(r"6[0-9]{2}[ +-]")


class _Lines(LineOnlyReceiver):
    MAX_LENGTH = 1 << 20

    def __init__(self) -> None:
        self.lines: DeferredQueue[str] = DeferredQueue()

    def lineReceived(self, line: bytes) -> None:
        self.lines.put(line.decode("latin-1"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lines.put(CLOSED)


class ControlWire:
    """
    A control connection.

    @ivar events: the lines of events that came between answers.
    """

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._closed = False
        self.events: list[str] = []

    @classmethod
    async def connect(cls, reactor: Any, place: str) -> ControlWire:
        """
        Connect to a tor's control socket.

        @param place: a path, or C{127.0.0.1:port}.
        """
        protocol = _Lines()
        await connectTo(reactor, place, protocol)
        return cls(protocol)

    async def ask(self, command: str) -> list[str]:
        """
        Send a command, and give the lines of the answer; the last is L{CLOSED} if the connection
        was closed instead.
        """
        self.send(command)
        return await self.answer()

    def send(self, command: str) -> None:
        """
        Send a command.
        """
        self._protocol.sendLine(command.encode("latin-1"))

    async def answer(self) -> list[str]:
        """
        Give the lines of the next answer.
        """
        lines: list[str] = []
        inBlock = False
        while not lines or inBlock or not _LAST.match(lines[-1]):
            line = await self._line()
            if not inBlock and _EVENT.match(line):
                self.events.append(line)
                continue
            lines.append(line)
            inBlock = line != "." and (inBlock or line[3:4] == "+") and line != CLOSED
        return lines

    async def event(self) -> str:
        """
        Wait for the next event.
        """
        return await self._line()

    async def close(self) -> None:
        """
        Close it.
        """
        self._protocol.transport.loseConnection()
        while await self._line() != CLOSED:
            pass

    async def _line(self) -> str:
        if self._closed:
            return CLOSED
        line: str = await self._protocol.lines.get()
        self._closed = line == CLOSED
        return line


class _Bytes(Protocol):
    transport: Any = None

    def __init__(self) -> None:
        self.received = b""
        self.closed = False
        self.changed: Deferred[None] | None = None

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        self._tell()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.closed = True
        self._tell()

    def _tell(self) -> None:
        changed, self.changed = self.changed, None
        if changed is not None:
            changed.callback(None)


class SocksWire:
    """
    A SOCKS connection.
    """

    def __init__(self, protocol: _Bytes) -> None:
        self._protocol = protocol

    @classmethod
    async def connect(cls, reactor: Any, place: str) -> SocksWire:
        """
        Connect to a tor's SOCKS socket.

        @param place: a path, or C{127.0.0.1:port}.
        """
        protocol = _Bytes()
        await connectTo(reactor, place, protocol)
        return cls(protocol)

    def send(self, data: bytes) -> None:
        """
        Send some bytes.
        """
        self._protocol.transport.write(data)

    async def receive(self, count: int) -> bytes:
        """
        Give the next C{count} bytes; fewer, if the connection is closed before.
        """
        protocol = self._protocol
        while len(protocol.received) < count and not protocol.closed:
            protocol.changed = Deferred()
            await protocol.changed
        taken, protocol.received = protocol.received[:count], protocol.received[count:]
        return taken

    async def rest(self) -> bytes:
        """
        Give all that comes until the other end closes.
        """
        return await self.receive(1 << 30)

    async def close(self) -> None:
        """
        Close it.
        """
        self._protocol.transport.abortConnection()
        await self.rest()
