# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Dialing: from C{connect()} to the application's protocol.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.error import ConnectError, ConnectingCancelledError, NoProtocol
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from onionp2p.address import OnionPeer, ShortenedAddress
from onionp2p.errors import DialError, DialTimeout, TorDied
from onionp2p.options import DialOptions
from onionp2p.quiet import quietFactory
from onionp2p.running import whenRunning
from onionp2p.socks import SocksClient
from onionp2p.tor.pool import TorLease, leaseTor
from onionp2p.transport import presentAsOnion

if TYPE_CHECKING:
    from onionp2p.tor.bootstrap import Progress, ProgressObserver

__all__ = ["Dial"]

_FIRST_PAUSE, _PAUSE_FACTOR, _LONGEST_PAUSE = 0.25, 1.5, 10.0
_SECONDS_TO_REACH_TOR = 30.0


class _Handshake(Protocol):
    """
    Speaks SOCKS until tor has connected us, then gives way to the application's protocol.

    @ivar finished: the application's protocol, or why there is none.
    """

    transport: Any = None

    def __init__(self, socks: SocksClient, handOver: Callable[[Any], IProtocol]) -> None:
        """
        @param handOver: given the transport, connects the application's protocol to it.
        """
        self._socks = socks
        self._handOver = handOver
        self.finished: Deferred[IProtocol] = Deferred()

    @property
    def phase(self) -> str:
        """
        What it waits for.
        """
        return f"waiting for tor's {self._socks.phase}"

    def connectionMade(self) -> None:
        self._write(self._socks.greeting)

    def dataReceived(self, data: bytes) -> None:
        try:
            self._write(self._socks.receive(data))
            if not self._socks.connected:
                return
            transport = self.transport
            protocol = self._handOver(transport)
        except Exception:  # noqa: BLE001 - whatever it is, connect() fails with it
            self.abandon(Failure())
            return
        # As with TCP, the application hears of the connection before its first bytes.
        self.finished.callback(protocol)
        if self._socks.rest and not transport.disconnecting and not transport.disconnected:
            transport.protocol.dataReceived(self._socks.rest)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.abandon(Failure(TorDied(f"It closed our connection, {self.phase}.")))

    def abandon(self, why: Failure) -> None:
        """
        Close the connection and fail, unless it is over.
        """
        if self.transport is not None:
            self.transport.abortConnection()
        if not self.finished.called:
            self.finished.errback(why)

    def _write(self, data: bytes) -> None:
        if data:
            self.transport.write(data)


class Dial:
    """
    One C{connect()}: waits for tor, and tries until it succeeds, can't, or is out of time.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        options: DialOptions,
        token: str,
        factory: IProtocolFactory,
        progress: ProgressObserver | None,
    ) -> None:
        """
        @param token: dials with different tokens never share a circuit.
        @param progress: told of tor's bootstrap.
        """
        self._reactor = reactor
        self._options = options
        self._token = token
        self._factory = factory
        self._progress = progress
        self._address = options.address
        self._phase = "waiting for the reactor to run"
        self._lastError: DialError | None = None
        self._over = False

    def start(self) -> Deferred[IProtocol]:
        """
        Begin.

        @return: fires with the application's protocol; fails with a C{ConnectError}, or a
            C{ConnectingCancelledError} if it is cancelled.
        """
        return Deferred.fromCoroutine(self._run()).addErrback(self._cancelled)

    async def _run(self) -> IProtocol:
        await whenRunning(self._reactor)
        deferred = Deferred.fromCoroutine(self._dial())
        deferred.addTimeout(self._options.timeout, self._reactor, self._timedOut)
        return await deferred

    async def _dial(self) -> IProtocol:
        self._factory.doStart()
        lease = None
        try:
            self._phase = "waiting for tor"
            lease = leaseTor(self._reactor, self._options.tor, self._follow)
            return await self._retry(lease)
        except BaseException:
            self._ended(lease)
            raise

    def _ended(self, lease: TorLease | None) -> None:
        # Of a connection whose protocol failed as it was made, both we and the transport tell.
        if self._over:
            return
        self._over = True
        if lease is not None:
            lease.release()
        self._factory.doStop()

    def _follow(self, progress: Progress) -> None:
        self._phase = f"waiting for tor, which is at {progress.percent}% ({progress.summary})"
        if self._progress is not None:
            self._progress(progress)

    async def _retry(self, lease: TorLease) -> IProtocol:
        pause = _FIRST_PAUSE
        while True:
            tor = await lease.bootstrapped()
            try:
                return await self._attempt(lease, tor.runDirectory.socksPath)
            except DialError as error:
                error.address = self._address.shortened
                if not error.retriable:
                    raise
                self._lastError = error
            self._log.debug("{error} Trying again.", error=self._lastError)
            self._phase = "pausing before the next attempt"
            await deferLater(self._reactor, pause * random.uniform(0.8, 1.2))  # noqa: S311 - no secret
            pause = min(pause * _PAUSE_FACTOR, _LONGEST_PAUSE)

    async def _attempt(self, lease: TorLease, socksPath: str) -> IProtocol:
        socks = SocksClient(self._address.hostname, self._address.port, self._token)
        handshake = _Handshake(socks, lambda transport: self._handOver(transport, lease))
        endpoint = UNIXClientEndpoint(self._reactor, socksPath, timeout=_SECONDS_TO_REACH_TOR)
        self._phase = "connecting to tor"
        try:
            await endpoint.connect(quietFactory(handshake))
        except ConnectError:
            raise TorDied("Its SOCKS socket does not answer.") from None
        self._phase = "waiting for tor to connect us"
        try:
            return await handshake.finished
        except CancelledError:
            handshake.abandon(Failure())
            raise

    def _handOver(self, transport: Any, lease: TorLease) -> IProtocol:
        """
        Connect the application's protocol in place of the handshake.
        """
        protocol = self._factory.buildProtocol(self._address)
        if protocol is None:
            raise NoProtocol
        presentAsOnion(transport, OnionPeer(), self._address, lambda: self._ended(lease))
        transport.protocol = protocol
        protocol.makeConnection(transport)
        return protocol

    def _timedOut(self, result: object, timeout: float) -> object:
        if not isinstance(result, Failure) or not result.check(CancelledError):
            return result
        last = f"; the last attempt failed: {self._lastError}" if self._lastError else "."
        raise DialTimeout(
            f"{self._address.shortened}: {timeout:g} s were not enough, {self._phase}{last}"
        )

    def _cancelled(self, failure: Failure) -> Failure:
        if failure.check(CancelledError, ConnectingCancelledError):
            return Failure(ConnectingCancelledError(ShortenedAddress(self._address)))
        return failure
