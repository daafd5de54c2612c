# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Dialing a protocol (C{onionp2p:dial:…:protocol=NAME}): from C{connect()} to the application's
protocol, on a stream of a connection that dials share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from twisted.logger import Logger
from twisted.python.failure import Failure

from onionp2p.dialing.isolation import Isolation
from onionp2p.errors import DialCancelled, DialTimeout, OnionError
from onionp2p.events import Failed, publish
from onionp2p.libp2p.connection import Connection
from onionp2p.libp2p.errors import (
    ConnectionClosing,
    ConnectionCut,
    Libp2pError,
    StreamTimeout,
    TooManyStreams,
)
from onionp2p.libp2p.sharing import SharedConnection
from onionp2p.options import DialOptions
from onionp2p.waiting.cancelling import CANCELLED, cancellable
from onionp2p.waiting.running import whenRunning

if TYPE_CHECKING:
    from onionp2p.events import EventObserver

__all__ = ["StreamDialer"]

# Our deadline comes after that of the onion's own dial, which can say why it was not reached.
_SECONDS_LATER = 0.01


class StreamDialer:
    """
    What an endpoint with C{protocol=} is: dials of one protocol at one peer.
    """

    def __init__(
        self,
        reactor: Any,
        options: DialOptions,
        isolation: Isolation | None,
        observer: EventObserver | None,
    ) -> None:
        """
        @param isolation: the circuits of all dials, or L{None} if each has its own, and a
            connection and an identity of its own with them.
        @param observer: told of what happens while C{connect()} waits.
        """
        self._reactor = reactor
        self._options = options
        self._observer = observer
        self._shared: SharedConnection | None = None
        if isolation is not None and options.isolate is not None:
            self._shared = SharedConnection.ofLabel(reactor, options, isolation, observer)
        elif isolation is not None:
            self._shared = SharedConnection(reactor, options, isolation, observer)

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        Speak the protocol with the peer.

        @return: fires with the application's protocol; fails with a C{ConnectError}, or a
            C{ConnectingCancelledError} if it is cancelled.
        """
        shared = self._shared
        if shared is None:
            options, observer = self._options, self._observer
            shared = SharedConnection(self._reactor, options, Isolation(), observer, idle=0.0)
        return _StreamDial(self._reactor, self._options, shared, factory, self._observer).start()


class _StreamDial:
    """
    One C{connect()}.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        options: DialOptions,
        shared: SharedConnection,
        factory: IProtocolFactory,
        observer: EventObserver | None,
    ) -> None:
        self._reactor = reactor
        self._options = options
        self._shared = shared
        self._factory = factory
        self._observer = observer
        self._connection: Connection | None = None
        self._expired = False

    def start(self) -> Deferred[IProtocol]:
        """
        Begin.

        @return: fires with the application's protocol.
        """
        self._dialing = cancellable(self._run())
        return self._dialing.addErrback(self._failed)

    async def _run(self) -> IProtocol:
        await whenRunning(self._reactor)
        seconds = self._options.timeout
        deadline = self._reactor.callLater(seconds + _SECONDS_LATER, self._expire)
        self._factory.doStart()
        try:
            return await self._open()
        finally:
            self._factory.doStop()  # for its protocol, the stream has started it
            if deadline.active():
                deadline.cancel()

    def _expire(self) -> None:
        self._expired = True
        self._dialing.cancel()

    async def _open(self) -> IProtocol:
        assert self._options.protocol is not None
        while True:
            self._connection = None
            connection, isOurs = await self._shared.get(self._options.timeout)
            self._connection = connection
            try:
                return await connection.openStream(self._options.protocol, self._factory)
            except StreamTimeout:
                self._shared.leave(connection)
                raise
            except (ConnectionClosing, ConnectionCut, TooManyStreams):
                # Nothing of the application has been said yet; one that others made may have
                # come to its end meanwhile.
                self._shared.leave(connection)
                if isOurs:
                    raise

    def _failed(self, failure: Failure) -> Failure:
        """
        Say whom it was to reach, and what it was doing.
        """
        error: Any = failure.value
        # Of what happens before there is a connection, the dial of the onion tells.
        isTold = self._connection is None
        if isinstance(error, CANCELLED):
            error = self._timeout() if self._expired else DialCancelled()
        elif isinstance(error, Libp2pError):
            isTold = False
        if isinstance(error, OnionError) and not error.address:
            error = error.during(self._options.address.shortened, self._phase)
        if error is not failure.value:
            failure = Failure(error)
        if not isTold:
            publish(self._log, Failed(error), self._observer)
        return failure

    def _timeout(self) -> DialTimeout:
        if self._connection is not None:
            self._shared.leave(self._connection)  # it does not answer
        return DialTimeout(f"{self._options.timeout:g} s were not enough.")

    @property
    def _phase(self) -> str:
        """
        What it is doing, for messages.
        """
        return "making a libp2p connection" if self._connection is None else "opening a stream"
