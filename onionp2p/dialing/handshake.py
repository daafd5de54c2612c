# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The first bytes of a dial's connection: SOCKS, and then the application's protocol.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IAddress, IConnector, IProtocol
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.python.failure import Failure

from onionp2p.dialing.socks import SocksClient
from onionp2p.errors import TooManyOpenFiles, TorDied, TorError
from onionp2p.local.places import Place

__all__ = ["Handshake"]


class Handshake(Protocol):
    """
    Speaks SOCKS until tor has connected us, then gives way to the application's protocol.

    @ivar token: which circuits it is for.
    @ivar finished: the application's protocol, or why there is none.  Cancelling it closes the
        connection at once, with which tor drops the stream.
    """

    transport: Any = None

    _connector: Any = None

    def __init__(
        self,
        socks: SocksClient,
        absent: Callable[[], TorError],
        build: Callable[[], IProtocol],
        present: Callable[[Any, IProtocol], Any],
    ) -> None:
        """
        @param absent: gives the error for when there is no tor.
        @param build: makes the application's protocol; may fail.
        @param present: gives what that protocol is to see as its transport, in place of ours.
        """
        self.token = socks.token
        self._socks = socks
        self._absent = absent
        self._build = build
        self._present = present
        self.finished: Deferred[IProtocol] = Deferred(self._cancel)

    @property
    def phase(self) -> str:
        """
        What it waits for.
        """
        if self.transport is None:
            return "connecting to tor"
        if self._socks.connected:
            return "building the protocol"
        return f"waiting for tor's {self._socks.phase}"

    def start(self, reactor: Any, socks: Place) -> Deferred[IProtocol]:
        """
        Connect to tor's SOCKS port, and begin.  It has no deadline: who waits has one.

        @return: L{finished}.
        """
        try:
            self._connector = socks.connectFactory(reactor, _HandshakeFactory(self))
        except OSError as problem:
            self.notConnected(problem.errno)
        return self.finished

    def notConnected(self, code: int | None) -> None:
        """
        There is no tor, or no socket for us.

        @param code: the system's error.
        """
        if not self._isOver():
            noSocket = code in {errno.EMFILE, errno.ENFILE}
            self.finished.errback(Failure(TooManyOpenFiles() if noSocket else self._absent()))

    def giveWay(self, protocol: IProtocol) -> None:
        """
        Another one has got there: end with what it has, unless it is over.
        """
        if not self._isOver():
            self.finished.callback(protocol)
            self._close()

    def fail(self, error: Exception) -> None:
        """
        Another one has found out that it can't be: end with that, unless it is over.
        """
        if not self._isOver():
            self._fail(Failure(error))

    def connectionMade(self) -> None:
        self._write(self._socks.greeting)

    def _write(self, data: bytes) -> None:
        # At once, and not in a turn of the reactor for each of three short messages.
        sent = self.transport.writeSomeData(data)
        written = sent if isinstance(sent, int) else 0  # else an error, which the reactor will find
        if written < len(data):
            self.transport.write(data[written:])

    def dataReceived(self, data: bytes) -> None:
        try:
            answer = self._socks.receive(data)
        except Exception:  # noqa: BLE001 - whatever it is, connect() fails with it
            self._fail(Failure())
            return
        if answer:
            self._write(answer)
        if self._socks.connected:
            self._finish(self._socks.rest)

    def _finish(self, rest: bytes) -> None:
        try:
            protocol = self._build()
            if self._isOver():  # cancelled by who built it
                return
            early = self._handOver(protocol, rest)
        except Exception:  # noqa: BLE001 - the application's
            self._fail(Failure())
            return
        if self._isOver():
            return
        # As with TCP, the application hears of the connection before its first bytes.
        self.finished.callback(protocol)
        if early is not None:
            early.deliver()

    def _handOver(self, protocol: IProtocol, rest: bytes) -> _EarlyBytes | None:
        self.transport = transport = self._present(self.transport, protocol)
        if self._connector is not None:
            self._connector.transport = None  # it would be a cycle
        early = _EarlyBytes(transport, rest) if rest else None
        protocol.makeConnection(transport)
        return early

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._fail(Failure(TorDied("It closed our connection.")))

    def _fail(self, why: Failure) -> None:
        self._close()
        if not self._isOver():
            self.finished.errback(why)

    def _isOver(self) -> bool:
        return bool(self.finished.called)

    def _cancel(self, finished: Deferred[IProtocol]) -> None:
        finished.errback(CancelledError())
        self._close()

    def _close(self) -> None:
        if self.transport is not None:
            self.transport.abortConnection()
        elif self._connector is not None:
            self._connector.stopConnecting()


class _HandshakeFactory(ClientFactory):
    """
    Connects one handshake, and lets go of it: this lives as long as the connection does.
    """

    noisy = False

    def __init__(self, handshake: Handshake) -> None:
        self._handshake: Handshake | None = handshake

    def buildProtocol(self, addr: IAddress | None) -> Handshake | None:
        handshake, self._handshake = self._handshake, None
        return handshake

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        if self._handshake is not None:
            self._handshake.notConnected(getattr(reason.value, "osError", None))


class _EarlyBytes:
    """
    What the other end's protocol said before ours was there: it came with tor's reply.

    It is delivered once, as soon as the application reads: a transport that it pauses at once, as
    the one end of a proxy does, must be silent.
    """

    def __init__(self, transport: Any, data: bytes) -> None:
        self._transport = transport
        self._data = data
        self._reading = True
        self._waits = True
        transport.pauseProducing = self._pause
        transport.resumeProducing = self._resume

    def deliver(self) -> None:
        """
        Deliver, unless the application has paused the transport.
        """
        if not self._reading or not self._restore():
            return
        transport = self._transport
        if transport.disconnecting or transport.disconnected or transport._aborting:  # noqa: SLF001 - tells of abortConnection()
            return
        transport.resumeProducing()
        transport.protocol.dataReceived(self._data)

    def _pause(self) -> None:
        self._reading = False
        type(self._transport).pauseProducing(self._transport)

    def _resume(self) -> None:
        # As with bytes from a socket, not while the application asks for them.
        self._reading = True
        self._transport.reactor.callLater(0, self.deliver)

    def _restore(self) -> bool:
        """
        Give the transport its own methods back.

        @return: whether they were not its own.
        """
        waited, self._waits = self._waits, False
        if waited:
            del self._transport.pauseProducing, self._transport.resumeProducing
        return waited
