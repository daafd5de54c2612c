# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Dialing: from C{connect()} to the application's protocol.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import NoProtocol
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from onionp2p.address import OnionPeer
from onionp2p.dialing.attempt import Attempt
from onionp2p.dialing.handshake import Handshake
from onionp2p.dialing.isolation import Isolation
from onionp2p.dialing.proxies import Proxy, openProxy
from onionp2p.dialing.socks import SocksClient
from onionp2p.errors import (
    CircuitSilent,
    DialCancelled,
    DialError,
    DialTimeout,
    OnionError,
    TorDied,
    UnreachableTarget,
)
from onionp2p.events import Connected, EventObserver, Failed, Progress, Retrying, publish
from onionp2p.local.places import Place
from onionp2p.options import DialOptions
from onionp2p.transport import OnionConnection
from onionp2p.waiting.backoff import Backoff
from onionp2p.waiting.cancelling import CANCELLED, cancellable
from onionp2p.waiting.running import whenRunning

__all__ = ["Dial"]

_OURSELVES = OnionPeer()
_FIRST_PAUSE, _PAUSE_FACTOR, _LONGEST_PAUSE = 0.25, 1.5, 10.0
# Tor tells a broken circuit by the same code as a dead program, which nothing here will revive.
_ATTEMPTS_AT_A_DEAD_TARGET = 3


class _Use:
    """
    What a dial holds until its connection ends, or there is none.
    """

    def __init__(self, factory: IProtocolFactory) -> None:
        self._factory: IProtocolFactory | None = factory
        self.proxy: Proxy | None = None
        factory.doStart()

    def end(self) -> None:
        """
        Give it back.  Of a connection whose protocol failed as it was made, both the dial and the
        transport tell.
        """
        factory, self._factory = self._factory, None
        if factory is None:
            return
        if self.proxy is not None:
            self.proxy.release()
        factory.doStop()


class Dial:
    """
    One C{connect()}: waits for tor, and tries until it succeeds, can't, or is out of time.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        options: DialOptions,
        isolation: Isolation,
        factory: IProtocolFactory,
        observer: EventObserver | None,
    ) -> None:
        """
        @param isolation: whose circuits to use.
        @param observer: told of tor's bootstrap and of each new attempt.
        """
        self._reactor = reactor
        self._options = options
        self._isolation = isolation
        self._factory = factory
        self._observer = observer
        self._address = options.address
        self._step = "waiting for the reactor to run"
        self._attempting: Attempt | None = None
        self._attempts = 0
        self._lastError: DialError | TorDied | None = None
        self._expired = False

    def start(self) -> Deferred[IProtocol]:
        """
        Begin.

        @return: fires with the application's protocol; fails with a C{ConnectError}, or a
            C{ConnectingCancelledError} if it is cancelled.
        """
        self._begun = self._reactor.seconds()
        self._dialing = cancellable(self._run())
        return self._dialing.addCallbacks(self._succeeded, self._failed)

    @property
    def _phase(self) -> str:
        """
        What it is doing, for messages.
        """
        return self._step if self._attempting is None else self._attempting.phase

    async def _run(self) -> IProtocol:
        await whenRunning(self._reactor)
        deadline = self._reactor.callLater(self._options.timeout, self._expire)
        use = _Use(self._factory)
        try:
            self._step = "waiting for tor"
            use.proxy = openProxy(self._reactor, self._options, self._follow)
            return await self._tryOn(use, use.proxy)
        except BaseException:
            use.end()
            raise
        finally:
            if deadline.active():
                deadline.cancel()

    def _expire(self) -> None:
        self._expired = True
        self._dialing.cancel()

    def _follow(self, progress: Progress) -> None:
        self._step = f"waiting for tor, which is at {progress.percent}% ({progress.summary})"
        if self._observer is not None:
            self._observer(progress)

    async def _tryOn(self, use: _Use, proxy: Proxy) -> IProtocol:
        backoff = Backoff(_FIRST_PAUSE, _PAUSE_FACTOR, _LONGEST_PAUSE)
        deadTargets = 0
        while True:
            await proxy.ready()
            self._attempts += 1
            self._step = "waiting for its turn"
            async with proxy.queue.turn(self._address.label, lambda: self._isolation.isWarm):
                # What fails here is for good; a tor that has ended is waited for.
                socks = await proxy.ready()
                try:
                    return await self._try(use, proxy, socks)
                except (DialError, TorDied) as error:
                    deadTargets += isinstance(error, UnreachableTarget)
                    if not error.retriable or deadTargets == _ATTEMPTS_AT_A_DEAD_TARGET:
                        raise
                    self._lastError = error.during(self._address.shortened, self._phase)
            pause = backoff.next()
            publish(self._log, Retrying(self._attempts, self._lastError, pause), self._observer)
            self._step = f"pausing after attempt {self._attempts}"
            await deferLater(self._reactor, pause)

    async def _try(self, use: _Use, proxy: Proxy, socks: Place) -> IProtocol:
        attempt = Attempt(
            self._reactor, proxy, self._isolation, lambda: self._begin(use, proxy), self._silent
        )
        self._attempting = attempt
        try:
            return await attempt.make(socks)
        finally:
            self._step, self._attempting = attempt.phase, None

    def _begin(self, use: _Use, proxy: Proxy) -> Handshake:
        return Handshake(
            SocksClient(self._address.hostname, self._address.port, self._isolation.token),
            absent=proxy.absent,
            build=self._build,
            present=lambda asked, protocol: self._present(asked, protocol, use),
        )

    def _silent(self, phase: str) -> None:
        self._lastError = CircuitSilent().during(self._address.shortened, phase)
        self._attempts += 1
        publish(self._log, Retrying(self._attempts - 1, self._lastError, 0.0), self._observer)

    def _build(self) -> IProtocol:
        protocol = self._factory.buildProtocol(self._address)
        if protocol is None:
            raise NoProtocol
        return protocol

    def _present(self, asked: Any, protocol: IProtocol, use: _Use) -> OnionConnection:
        return OnionConnection(asked, protocol, _OURSELVES, self._address, use.end)

    def _succeeded(self, protocol: IProtocol) -> IProtocol:
        seconds = self._reactor.seconds() - self._begun
        connected = Connected(self._address.shortened, seconds, self._attempts)
        publish(self._log, connected, self._observer)
        return protocol

    def _failed(self, failure: Failure) -> Failure:
        """
        Say whom it was to reach, and what it was doing.
        """
        error: Any = failure.value
        # The second is what Twisted's endpoints make of the first.
        if isinstance(error, CANCELLED):
            error = self._timeout() if self._expired else DialCancelled()
        if isinstance(error, OnionError):
            error = error.during(self._address.shortened, self._phase)
            failure = Failure(error)
        publish(self._log, Failed(error), self._observer)
        return failure

    def _timeout(self) -> DialTimeout:
        error = self._lastError
        last = f"; the last attempt: {error.during('', error.phase)}" if error else "."
        return DialTimeout(f"{self._options.timeout:g} s were not enough{last}")
