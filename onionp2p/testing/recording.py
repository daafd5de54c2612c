# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A protocol and a factory that remember what was done with them.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

__all__ = ["RecordingFactory", "RecordingProtocol"]


class RecordingProtocol(Protocol):
    """
    Remembers what it received, and sends what its factory says.

    @ivar packets: what each call of C{dataReceived} brought.
    @ivar lost: why the connection was lost, once it is.
    @ivar steps: the names of the methods that were called, each once per run of calls.
    """

    transport: Any = None

    def __init__(self, factory: RecordingFactory) -> None:
        self.factory = factory
        self.packets: list[bytes] = []
        self.lost: Failure | None = None
        self.steps: list[str] = []
        self._awaited: list[tuple[int, Deferred[bytes]]] = []

    @property
    def received(self) -> bytes:
        """
        All bytes, in their order.
        """
        return b"".join(self.packets)

    def receives(self, count: int) -> Deferred[bytes]:
        """
        Give the first C{count} bytes, once they are there.

        @return: fails with the reason if the connection ends before.
        """
        awaited: Deferred[bytes] = Deferred()
        self._awaited.append((count, awaited))
        self._tell()
        return awaited

    def _tell(self) -> None:
        for each in list(self._awaited):
            count, awaited = each
            if len(self.received) >= count:
                self._awaited.remove(each)
                awaited.callback(self.received[:count])
            elif self.lost is not None:
                self._awaited.remove(each)
                awaited.errback(self.lost)

    def connectionMade(self) -> None:
        self._step("connectionMade")
        if self.factory.greeting:
            self.transport.write(self.factory.greeting)

    def dataReceived(self, data: bytes) -> None:
        self._step("dataReceived")
        self.packets.append(data)
        self._tell()
        if self.factory.echoes:
            self.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._step("connectionLost")
        self.lost = reason
        self._tell()

    def _step(self, name: str) -> None:
        if self.steps[-1:] != [name]:
            self.steps.append(name)


class RecordingFactory(Factory):
    """
    Remembers how it was used.

    @ivar protocols: those it built.
    @ivar addresses: what C{buildProtocol} was given, each time.
    @ivar starts: how often C{doStart} was called.
    @ivar stops: how often C{doStop} was called.
    """

    noisy = False

    def __init__(
        self, *, greeting: bytes = b"", echoes: bool = False, refuses: bool = False
    ) -> None:
        """
        @param greeting: what its protocols send first.
        @param echoes: whether they send back what they receive.
        @param refuses: whether it builds none.
        """
        self.greeting = greeting
        self.echoes = echoes
        self._refuses = refuses
        self.protocols: list[RecordingProtocol] = []
        self.addresses: list[Any] = []
        self.starts = 0
        self.stops = 0

    def doStart(self) -> None:
        self.starts += 1

    def doStop(self) -> None:
        self.stops += 1

    def buildProtocol(self, addr: IAddress | None) -> RecordingProtocol | None:
        self.addresses.append(addr)
        if self._refuses:
            return None
        protocol = RecordingProtocol(self)
        self.protocols.append(protocol)
        return protocol
