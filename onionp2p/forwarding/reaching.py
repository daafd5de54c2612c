# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A local place that leads to an onion, for programs that know nothing of Tor.

Theory of operation.  A program that is let in at once, and then waits while a circuit is built,
gives up: libp2p's peers after 5 to 10 seconds.  One that is refused tries again.  So the place is
open only while the circuit is warm: once a connection of our own to the onion came through, which
is made at the start, from time to time so that the circuit stays, and whenever there is reason for
doubt.  That is a dial which tor has to try again, or which takes longer than such programs wait;
then the place is shut at once.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import CannotListenError, ConnectError
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from onionp2p.endpoints import OnionClientEndpoint
from onionp2p.errors import DialTimeout
from onionp2p.events import Event, EventObserver, Retrying, Shut, Warm, publish
from onionp2p.forwarding.attentive import AttentiveEndpoint
from onionp2p.forwarding.doorway import Doorway
from onionp2p.forwarding.forwarder import Forwarder
from onionp2p.forwarding.limits import Counts, Limits
from onionp2p.local.places import Place
from onionp2p.local.quiet import quietFactory
from onionp2p.options import DialOptions
from onionp2p.waiting.backoff import Backoff, jittered
from onionp2p.waiting.cancelling import CANCELLED, cancellable
from onionp2p.waiting.outcome import Outcome
from onionp2p.waiting.running import whenRunning

__all__ = ["WARM_SECONDS", "Reach", "reach"]

WARM_SECONDS = 60.0
"""
How often the circuit is used to keep it, unless it is said otherwise.  Tor closes one that was idle
for ten minutes.
"""

_FIRST_PAUSE, _PAUSE_FACTOR, _LONGEST_PAUSE = 1.0, 2.0, 30.0


def reach(
    reactor: Any,
    options: DialOptions,
    at: Place | str,
    *,
    warm: float | None = WARM_SECONDS,
    timeout: float = 300.0,
    limits: Limits | None = None,
    observer: EventObserver | None = None,
) -> Deferred[Reach]:
    """
    Make a local place that leads to an onion.

    @param options: whom to reach, and how.
    @param at: the place: C{unix:/path}, which is made with mode 0600, or C{tcp:127.0.0.1:PORT},
        with 0 for any port that is free.
    @param warm: how often to connect to the onion and close again, so that the circuit stays warm,
        in seconds; L{None} for never, and then the place is open at once, and always.
    @param timeout: until the onion has answered for the first time, in seconds.
    @param limits: how much is carried.
    @param observer: told of what happens: L{Warm}, L{Shut}, and what is told of dials.

    @return: fires once the place is open; fails with a C{ConnectError} if the onion can't be
        reached, and with a C{CannotListenError} if the place can't be had.

    @raise ValueError: says what is wrong with C{at}.
    """
    place = Place.fromString(at) if isinstance(at, str) else at
    reaching = Reach(reactor, options, place, warm=warm, limits=limits, observer=observer)
    starting = cancellable(reaching.start())
    return starting.addTimeout(timeout, reactor, reaching.timedOut)


class Reach:
    """
    A local place that leads to an onion.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        options: DialOptions,
        place: Place,
        *,
        warm: float | None,
        limits: Limits | None,
        observer: EventObserver | None,
    ) -> None:
        """
        See L{reach}.
        """
        self._reactor = reactor
        self._observer = observer
        self._warm = warm
        # Its dials share circuits, and ours is among them.
        self._endpoint = OnionClientEndpoint(reactor, options, self._follow)
        dialled = AttentiveEndpoint(reactor, self._endpoint, self._doubt)
        self._dialled = dialled
        self._forwarder = Forwarder(reactor, dialled, limits, observer)
        self._doorway = Doorway(reactor, place, self._forwarder)
        self._doubted: Outcome[None] = Outcome()
        self._lastError: BaseException | None = None
        self._keeping: Deferred[None] | None = None

    @property
    def place(self) -> Place:
        """
        Where it is: the real port, where any was asked for.
        """
        return self._doorway.place

    @property
    def open(self) -> int:
        """
        How many connections are carried now.
        """
        return self._forwarder.open

    @property
    def counts(self) -> Counts:
        """
        What was carried until now.
        """
        return self._forwarder.counts

    async def start(self) -> Reach:
        """
        Take the place, and open it once the onion has answered.
        """
        await whenRunning(self._reactor)
        try:
            await self._doorway.hold()
            await self._warmUp(isFirst=True)
        except BaseException:
            await self._doorway.close()
            raise
        if self._warm is not None:
            self._keeping = cancellable(self._keep(self._warm))
            self._keeping.addErrback(lambda failure: failure.trap(*CANCELLED))
        return self

    async def stop(self) -> None:
        """
        Give the place up, and end its connections: what was read is written, which gets two
        seconds.
        """
        if self._keeping is not None:
            self._keeping.cancel()
        await self._doorway.close()
        await self._forwarder.stop()

    def timedOut(self, result: Reach | Failure, timeout: float) -> Reach | Failure:
        """
        Say what kept it from being there in time.
        """
        if not isinstance(result, Failure) or not result.check(*CANCELLED):
            return result
        error = self._lastError
        last = f"; the last attempt: {error}" if error else "."
        raise DialTimeout(f"{timeout:g} s were not enough{last}")

    async def _keep(self, interval: float) -> None:
        while True:
            with suppress(TimeoutError):
                await self._doubted.wait().addTimeout(jittered(interval), self._reactor)
            await self._warmUp()

    async def _warmUp(self, *, isFirst: bool = False) -> None:
        """
        Wait until the onion answers; have the place open then.

        @param isFirst: whether to give up on what waiting will not mend.
        """
        backoff = Backoff(_FIRST_PAUSE, _PAUSE_FACTOR, _LONGEST_PAUSE)
        while True:
            try:
                seconds = 0.0 if self._warm is None else await self._touch()
                await self._open(seconds)
            except (ConnectError, CannotListenError) as error:
                if isFirst and not getattr(error, "retriable", True):
                    raise
                self._lastError = error
                self._doubt(str(error))
            else:
                return
            await deferLater(self._reactor, backoff.next())

    async def _touch(self) -> float:
        """
        Connect to the onion and close again.

        @return: what that took, in seconds.
        """
        begun = self._reactor.seconds()
        visitor = Protocol()
        await self._dialled.connect(quietFactory(visitor))
        if visitor.transport is not None:
            visitor.transport.loseConnection()
        return float(self._reactor.seconds() - begun)

    async def _open(self, seconds: float) -> None:
        if self._doorway.isGone:
            self._doubt("its socket is gone.")
        if self._doorway.isOpen:
            return
        self._doubted = Outcome()
        await self._doorway.open()
        publish(self._log, Warm(self.place, seconds), self._observer)

    def _doubt(self, why: str) -> None:
        """
        Let nobody in until the onion answers.
        """
        if self._warm is None or not self._doorway.isOpen:
            return
        publish(self._log, Shut(self.place, why), self._observer)
        self._doorway.shut()
        self._doubted.succeed(None)

    def _follow(self, event: Event) -> None:
        if isinstance(event, Retrying):
            self._lastError = event.error
            self._doubt(str(event.error))
        if self._observer is not None:
            self._observer(event)
