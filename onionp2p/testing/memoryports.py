# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Twisted's UNIX and TCP ports and connectors, on sockets in memory.

The transports are Twisted's own C{unix.Server}, C{unix.Client}, C{tcp.Server} and C{tcp.Client}:
producers, TLS, half-close, the order of calls and the reasons of C{connectionLost} are theirs, not
imitations.
"""

from __future__ import annotations

from socket import AF_INET, AF_UNIX
from typing import TYPE_CHECKING, Any, ClassVar, cast

from twisted.internet import tcp, unix
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IReadDescriptor,
)
from twisted.internet.protocol import ClientFactory
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from onionp2p.testing.memorysockets import MemorySocket, Name

if TYPE_CHECKING:
    from onionp2p.testing.memory import MemoryReactor

__all__ = ["MemoryConnector", "MemoryPort", "MemoryTCPConnector", "MemoryTCPPort"]


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


class _TCPClient(tcp.Client):
    """
    The same, for TCP.
    """

    reactor: MemoryReactor

    def __init__(
        self, host: str, port: int, connector: MemoryTCPConnector, reactor: MemoryReactor
    ) -> None:
        # Not Twisted's, which would look names up.
        self.connector = connector
        self.addr = self.realAddress = (host, port)
        skt = MemorySocket(reactor.sockets, AF_INET)
        self._finishInit(self.doConnect, skt, None, reactor)  # type: ignore[no-untyped-call]


class MemoryTCPConnector(tcp.Connector):
    """
    Connects to a port in memory.
    """

    def __init__(
        self,
        host: str,
        port: int,
        factory: ClientFactory[Any],
        timeout: float,
        reactor: MemoryReactor,
    ) -> None:
        tcp.Connector.__init__(self, host, port, factory, timeout, None, reactor)

    def _makeTransport(self) -> Any:
        return _TCPClient(self.host, self.port, self, cast("MemoryReactor", self.reactor))


@implementer(IListeningPort, IReadDescriptor)
class _Port:
    """
    Listens at a name in memory.
    """

    _family: ClassVar[int]
    _realPortNumber: int | None = None

    def __init__(
        self, name: Name, factory: IProtocolFactory, backlog: int, reactor: MemoryReactor
    ) -> None:
        self.socket: MemorySocket | None = None
        self._name = name
        self._factory = factory
        self._backlog = backlog
        self._reactor = reactor
        self._connections = 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._name}>"

    def _address(self, name: Name) -> IAddress:
        raise NotImplementedError

    def _transport(self, accepted: MemorySocket, peer: Name, protocol: IProtocol) -> Any:
        raise NotImplementedError

    def startListening(self) -> None:
        """
        Begin.

        @raise CannotListenError: if the name is taken, or none.
        """
        self._factory.doStart()
        self.socket = MemorySocket(self._reactor.sockets, self._family)
        try:
            self.socket.bind(self._name)
        except OSError as problem:
            self.socket.close()
            interface, port = self._name if isinstance(self._name, tuple) else (None, self._name)
            raise CannotListenError(interface, port, problem) from None
        self._name = self.socket.getsockname()
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

    def getHost(self) -> IAddress:
        """
        Give the address.
        """
        return self._address(self._name)

    def doRead(self) -> None:
        """
        Accept who has come.
        """
        assert self.socket is not None
        while self.socket.readable:
            accepted, peer = self.socket.accept()
            protocol = self._factory.buildProtocol(self._address(peer))
            if protocol is None:
                accepted.close()
                continue
            self._connections += 1
            protocol.makeConnection(self._transport(accepted, peer, protocol))

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


class MemoryPort(_Port):
    """
    Listens at a path in memory.

    @ivar path: where.
    @ivar mode: with which permissions; others can't connect in any case.
    """

    _family = AF_UNIX

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
        super().__init__(path, factory, backlog, reactor)

    def _address(self, name: Name) -> UNIXAddress:
        return UNIXAddress(cast(str, name) or None)

    def _transport(self, accepted: MemorySocket, peer: Name, protocol: IProtocol) -> Any:
        # Of a server, a transport wants to know the port's number, which a path has not.
        server = cast("Any", self)
        return unix.Server(accepted, protocol, "", server, self._connections, self._reactor)


class MemoryTCPPort(_Port):
    """
    Listens at a port of 127.0.0.1 in memory.
    """

    _family = AF_INET

    def _address(self, name: Name) -> IPv4Address:
        return IPv4Address("TCP", *name)

    def _transport(self, accepted: MemorySocket, peer: Name, protocol: IProtocol) -> Any:
        skt = cast("Any", accepted)
        server = cast("Any", self)
        client = cast("tuple[str, int]", peer)
        return tcp.Server(skt, protocol, client, server, self._connections, self._reactor)
