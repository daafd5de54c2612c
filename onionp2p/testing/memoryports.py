# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Twisted's UNIX ports and connectors, on sockets in memory.

The transports are Twisted's own C{unix.Server} and C{unix.Client}: producers, TLS, half-close, the
order of calls and the reasons of C{connectionLost} are theirs, not imitations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from twisted.internet import unix
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IReadDescriptor
from twisted.internet.protocol import ClientFactory
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from onionp2p.testing.memorysockets import MemorySocket

if TYPE_CHECKING:
    from onionp2p.testing.memory import MemoryReactor

__all__ = ["MemoryConnector", "MemoryPort"]


class _Client(unix.Client):
    """
    The transport of the side that connects.
    """

    reactor: MemoryReactor

    def __init__(self, path: str, connector: MemoryConnector, reactor: MemoryReactor) -> None:
        self._sockets = reactor.sockets
        unix.Client.__init__(self, path, connector, reactor)

    def createInternetSocket(self) -> MemorySocket:
        return MemorySocket(self._sockets)


class MemoryConnector(unix.Connector):
    """
    Connects to a path in memory.
    """

    def __init__(
        self, path: str, factory: ClientFactory[Any], timeout: float, reactor: MemoryReactor
    ) -> None:
        unix.Connector.__init__(self, path, factory, timeout, reactor, checkPID=False)

    def _makeTransport(self) -> Any:
        return _Client(self.address, self, cast("MemoryReactor", self.reactor))


@implementer(IListeningPort, IReadDescriptor)
class MemoryPort:
    """
    Listens at a path in memory.

    @ivar path: where.
    @ivar mode: with which permissions; others can't connect in any case.
    """

    def __init__(
        self,
        path: str,
        factory: IProtocolFactory,
        backlog: int,
        mode: int,
        reactor: MemoryReactor,
    ) -> None:
        self.path = path
        self.mode = mode
        self.socket: MemorySocket | None = None
        self._factory = factory
        self._backlog = backlog
        self._reactor = reactor
        self._connections = 0
        self._closing: Deferred[None] | None = None

    def __repr__(self) -> str:
        return f"<MemoryPort {self.path}>"

    def startListening(self) -> None:
        """
        Begin.

        @raise CannotListenError: if the path is taken, or too long.
        """
        self._factory.doStart()
        self.socket = MemorySocket(self._reactor.sockets)
        try:
            self.socket.bind(self.path)
        except OSError as problem:
            self.socket.close()
            raise CannotListenError(None, self.path, problem) from None
        self.socket.listen(self._backlog)
        self._reactor.addReader(self)

    def stopListening(self) -> Deferred[None]:
        """
        End; accepted connections live on.
        """
        if self.socket is None:
            return succeed(None)
        self._reactor.removeReader(self)
        done = Failure(ConnectionDone())
        return deferLater(self._reactor, 0, self.connectionLost, done)

    def getHost(self) -> UNIXAddress:
        """
        Give the path.
        """
        return UNIXAddress(self.path)

    def doRead(self) -> None:
        """
        Accept who has come.
        """
        assert self.socket is not None
        while self.socket.readable:
            accepted, _ = self.socket.accept()
            protocol = self._factory.buildProtocol(UNIXAddress(None))
            if protocol is None:
                accepted.close()
                continue
            self._connections += 1
            # Of a server, a transport wants to know the port's number, which a path has not.
            server = cast("Any", self)
            transport = unix.Server(
                accepted, protocol, "", server, self._connections, self._reactor
            )
            protocol.makeConnection(transport)

    _realPortNumber = None

    def connectionLost(self, reason: Failure) -> None:
        """
        Close the socket.
        """
        if self.socket is not None:
            self.socket.close()
            self.socket = None
            self._reactor.removeReader(self)
            self._factory.doStop()

    def logPrefix(self) -> str:
        """
        Give the name that log messages begin with.
        """
        return repr(self)

    def fileno(self) -> int:
        """
        It has no descriptor.
        """
        return -1
