# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A reactor without sockets and without waiting.

It is Twisted's C{ReactorBase}, so delayed calls, start, stop and the phases of shutdown are real.
What a reactor takes from the system is replaced: time passes when a test says so, and sockets, UNIX
and TCP on 127.0.0.1, join inside this process.  There is no other network: no other address, no
names, no processes.

    >>> reactor = MemoryReactor()
    >>> reactor.start()
    >>> port = reactor.resultOf(endpoint.listen(factory))
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable
from typing import Any, TypeVar

from twisted.internet.base import ReactorBase
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IConnector,
    IListeningPort,
    IProtocolFactory,
    IReactorFDSet,
    IReactorTCP,
    IReactorUNIX,
    IReadDescriptor,
    IWriteDescriptor,
)
from twisted.internet.protocol import ClientFactory
from twisted.python import log
from twisted.python.failure import Failure
from zope.interface import implementer

from onionp2p.testing.memoryports import (
    MemoryConnector,
    MemoryPort,
    MemoryTCPConnector,
    MemoryTCPPort,
)
from onionp2p.testing.memorysockets import SocketTable

__all__ = ["MemoryReactor", "NoResult"]

_T = TypeVar("_T")
_MOST_TURNS = 100_000
_HOUR = 3600.0


class NoResult(Exception):
    """
    What a test waited for did not come.
    """


@implementer(IReactorFDSet, IReactorTCP, IReactorUNIX)
class MemoryReactor(ReactorBase):
    """
    A reactor for tests: runs when told to, in no time, and always in the same order.

    @ivar sockets: the sockets there are.
    """

    # What it runs is no thread's business but the test's.
    _registerAsIOThread = False

    def __init__(self) -> None:
        self.sockets = SocketTable()
        self._now = 0.0
        # Ordered, unlike sets: tests shall go the same way each time.
        self._readers: dict[Any, None] = {}
        self._writers: dict[Any, None] = {}
        super().__init__()

    # For tests.

    def start(self) -> None:
        """
        Start, as C{run()} would, and return.
        """
        self.startRunning(installSignalHandlers=False)
        self.advance(0)

    def advance(self, seconds: float) -> None:
        """
        Let time pass: from one delayed call to the next, with all that follows from each.
        """
        end = self._now + seconds
        self._settle()
        while (until := self.timeout()) is not None and self._now + until <= end:
            self._now += until
            self._settle()
        self._now = end

    def resultOf(self, awaitable: Awaitable[_T], seconds: float = _HOUR) -> _T:
        """
        Let time pass until C{awaitable} has its result, and give it, or raise its exception.

        @raise NoResult: if there is none after C{seconds}, or if nothing is left that could
            bring one.
        """
        results: list[_T] = []
        failures: list[Failure] = []
        deferred: Deferred[_T] = ensureDeferred(_await(awaitable))
        deferred.addCallbacks(results.append, failures.append)
        begun = self._now
        end = begun + seconds
        self._settle()
        while not (results or failures):
            until = self.timeout()
            if until is None or self._now + until > end:
                raise NoResult(f"no result after {self._now - begun:g} s: {awaitable!r}")
            self.advance(until)
        if failures:
            failures[0].raiseException()
        return results[0]

    def leftovers(self) -> list[object]:
        """
        Give what a tidy program leaves none of: delayed calls and open sockets.
        """
        return [*self.getDelayedCalls(), *self.sockets.open]

    # What Twisted's base leaves to each reactor.

    def seconds(self) -> float:
        """
        Give the time since this reactor was made.
        """
        return self._now

    def installWaker(self) -> None:
        """
        Nothing sleeps here.
        """

    def doIteration(self, delay: float | None) -> None:
        """
        Let C{delay} seconds pass, for C{run()}, then see to every socket that is ready.
        """
        ready = self._ready()
        if not ready and delay:
            self._now += delay
        for selectable, isRead in ready:
            self._attend(selectable, isRead)

    def _ready(self) -> list[tuple[Any, bool]]:
        reading = [(reader, True) for reader in self._readers if reader.socket.readable]
        return reading + [(writer, False) for writer in self._writers if writer.socket.writable]

    def _settle(self) -> None:
        for _ in range(_MOST_TURNS):
            self.runUntilCurrent()
            self.doIteration(0)
            if not self._ready() and self.timeout() != 0:
                return
        raise RuntimeError("the program under test never comes to rest")

    def _attend(self, selectable: Any, isRead: bool) -> None:
        """
        Have a socket's transport read or write, as C{PosixReactorBase} does.
        """
        if selectable not in (self._readers if isRead else self._writers):
            return  # another one's doing since it became ready
        try:
            why = selectable.doRead() if isRead else selectable.doWrite()
        except Exception:  # noqa: BLE001 - the fault of one connection, not of the reactor
            log.err()
            why = sys.exc_info()[1]
        if why is None:
            return
        self.removeReader(selectable)
        if isRead and isinstance(why, ConnectionDone):
            selectable.readConnectionLost(Failure(why))
        else:
            self.removeWriter(selectable)
            selectable.connectionLost(Failure(why))

    # IReactorFDSet

    def addReader(self, reader: IReadDescriptor) -> None:
        self._readers[reader] = None

    def addWriter(self, writer: IWriteDescriptor) -> None:
        self._writers[writer] = None

    def removeReader(self, reader: IReadDescriptor) -> None:
        self._readers.pop(reader, None)

    def removeWriter(self, writer: IWriteDescriptor) -> None:
        self._writers.pop(writer, None)

    def removeAll(self) -> list[IReadDescriptor | IWriteDescriptor]:
        removed = list({**self._readers, **self._writers})
        self._readers.clear()
        self._writers.clear()
        return removed

    def getReaders(self) -> list[IReadDescriptor]:
        return list(self._readers)

    def getWriters(self) -> list[IWriteDescriptor]:
        return list(self._writers)

    # IReactorUNIX

    def listenUNIX(
        self,
        address: str,
        factory: IProtocolFactory,
        backlog: int = 50,
        mode: int = 0o666,
        wantPID: bool = False,
    ) -> IListeningPort:
        port = MemoryPort(address, factory, backlog, mode, self)
        port.startListening()
        return port

    def connectUNIX(
        self, address: str, factory: ClientFactory[Any], timeout: float = 30, checkPID: bool = False
    ) -> IConnector:
        connector = MemoryConnector(address, factory, timeout, self)
        connector.connect()
        return connector

    # IReactorTCP

    def listenTCP(
        self, port: int, factory: IProtocolFactory, backlog: int = 50, interface: str = ""
    ) -> IListeningPort:
        listening = MemoryTCPPort((interface, port), factory, backlog, self)
        listening.startListening()
        return listening

    def connectTCP(
        self,
        host: str,
        port: int,
        factory: ClientFactory[Any],
        timeout: float = 30,
        bindAddress: Any = None,
    ) -> IConnector:
        connector = MemoryTCPConnector(host, port, factory, timeout, self)
        connector.connect()
        return connector


async def _await(awaitable: Awaitable[_T]) -> _T:
    return await awaitable
