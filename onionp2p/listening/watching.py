# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Watching over a listener: what it is doing, told as events; whether strangers can reach it; and what
is done about it where they can't.
"""

from __future__ import annotations

from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.logger import Logger
from twisted.python.failure import Failure

from onionp2p.errors import ControlLost, OnionRefused, TorError
from onionp2p.events import Cause, Published, Reachable, Repairing, Unreachable
from onionp2p.listening.lifetime import Lifetime
from onionp2p.listening.probing import ProbeFailed, probe, published
from onionp2p.options.records import WATCH_SECONDS
from onionp2p.waiting.backoff import Backoff, jittered
from onionp2p.waiting.cancelling import cancellable
from onionp2p.waiting.outcome import Outcome

if TYPE_CHECKING:
    from onionp2p.events import Event
    from onionp2p.listening.localport import LocalPort
    from onionp2p.tor.lease import TorLease
    from onionp2p.tor.servedport import ServedPort

__all__ = ["Watch"]

_FIRST_PAUSE, _PAUSE_FACTOR = 5.0, 2.0


class _Repair(Enum):
    """
    What is done, gentlest first.
    """

    NOTHING = "probing again"
    REPUBLISH = "publishing it anew"
    RESTART = "restarting tor"


# By how often it could not be reached in a row, for causes that are ours to mend.  The first time
# it may have been the probe's own circuit; between two repairs there is time for one to help.
_LADDER = {2: _Repair.REPUBLISH, 4: _Repair.REPUBLISH, 6: _Repair.RESTART}
_ROUND = 8
# Where these are the cause, tor mends it, or its supervisor, or nobody here can.
_NOT_OURS = {
    Cause.TOR_DOWN,
    Cause.TOR_SILENT,
    Cause.NETWORK_DOWN,
    Cause.NOT_BOOTSTRAPPED,
    Cause.TOO_MANY_FILES,
    Cause.NO_SOCKS,
}


class Watch:
    """
    Follows one listener from its beginning to its end.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        lease: TorLease,
        served: ServedPort,
        local: LocalPort | None,
        lifetime: Lifetime,
        *,
        interval: float | None,
        eager: bool,
    ) -> None:
        """
        @param local: our local socket; L{None} if tor delivers to another program's.
        @param lifetime: of the listener: what happens is told there.
        @param interval: from one probe to the next, in seconds; L{None} to make none.
        @param eager: whether the first one is made at once.
        """
        self._reactor = reactor
        self._lease = lease
        self._served = served
        self._local = local
        self._lifetime = lifetime
        self._address = lifetime.address
        self._interval = interval
        self._eager = eager
        self._failures = 0
        self._stopped = False
        self._reached: Outcome[None] = Outcome()
        self._following = cancellable(self._follow())
        self._following.addErrback(_ceased)
        # What would wake us up at the end of a program is of no use any more.
        lifetime.whenEnded().addCallback(lambda _: self.stop())

    def whenReached(self) -> Deferred[None]:
        """
        Give a Deferred that fires when a probe has come through.
        """
        return self._reached.wait()

    def stop(self) -> None:
        """
        Watch no more.  Harmless when done twice.
        """
        self._stopped = True
        self._following.cancel()

    def _tell(self, event: Event) -> None:
        """
        Something has happened.  Who is told may stop us, and then nothing more is to be done.
        """
        self._lifetime.tell(event)
        if self._stopped:
            raise CancelledError

    async def _follow(self) -> None:
        while True:
            tor = await self._lease.launched()
            up = cancellable(self._whileUp())
            # Whatever is under way is of no use when tor has gone.
            lost = tor.control.whenLost()
            lost.addCallbacks(_cancel, _unheard, callbackArgs=(up,))
            try:
                await up
            except (CancelledError, ControlLost):
                if not tor.control.lost:
                    raise
            finally:
                lost.cancel()  # a tor outlives many listeners, and must not keep them all
            self._tell(Unreachable(self._address, Cause.TOR_DOWN))

    async def _whileUp(self) -> None:
        await self._untilPublished()
        if self._interval is None:
            await self._keepHere()
            return
        await self._beHere()
        self._tell(Published(self._address))
        # A tor that is back again is looked at without delay.
        eager, self._eager = self._eager, True
        if not eager:
            await self._pause(jittered(self._interval))
        backoff = Backoff(_FIRST_PAUSE, _PAUSE_FACTOR, self._interval)
        while True:
            await self._beHere()
            try:
                seconds = await probe(self._reactor, self._lease, self._served)
            except ProbeFailed as failed:
                await self._mend(failed)
                pause = backoff.next()
            else:
                self._failures, pause = 0, jittered(self._interval)
                backoff.reset()
                self._tell(Reachable(self._address, seconds))
                self._reached.succeed(None)
            await self._pause(pause)

    async def _untilPublished(self) -> None:
        self._failures = 0
        backoff = Backoff(_FIRST_PAUSE, _PAUSE_FACTOR, self._interval or WATCH_SECONDS)
        while True:
            try:
                await published(self._reactor, self._lease, self._served)
            except ProbeFailed as failed:
                await self._mend(failed)
                with suppress(TimeoutError):
                    await self._served.whenPublished().addTimeout(backoff.next(), self._reactor)
            else:
                self._failures = 0
                return

    async def _keepHere(self) -> None:
        """
        Look after our local socket alone.
        """
        while True:
            await self._beHere()
            self._tell(Published(self._address))
            await self._untilLost()

    async def _beHere(self) -> None:
        if self._local is not None:
            await self._local.restore()

    async def _untilLost(self) -> None:
        await (Deferred() if self._local is None else self._local.untilLost())

    async def _pause(self, seconds: float) -> None:
        """
        Wait; but not while our local socket is lost.
        """
        waiting = Deferred.fromCoroutine(self._untilLost())
        waiting.addTimeout(seconds, self._reactor)
        with suppress(TimeoutError):
            await waiting

    async def _mend(self, failed: ProbeFailed) -> None:
        """
        Tell that it can't be reached, and do what may help.
        """
        self._tell(Unreachable(self._address, failed.cause, failed.detail))
        if failed.cause in _NOT_OURS:
            return
        self._failures += 1
        repair = _LADDER.get(self._failures % _ROUND, _Repair.NOTHING)
        if repair is _Repair.NOTHING:
            return
        if repair is _Repair.RESTART and not self._lease.mayRestart:
            repair = _Repair.REPUBLISH
        self._tell(Repairing(self._address, repair.value))
        if repair is _Repair.RESTART:
            self._lease.restart()
            return
        try:
            await self._served.republish()
        except (OnionRefused, TorError) as error:
            self._log.error(
                "{address} was not repaired: {error}", address=self._address, error=error
            )


def _cancel(_: None, waiting: Deferred[None]) -> None:
    waiting.cancel()


def _unheard(failure: Failure) -> None:
    failure.trap(CancelledError)


def _ceased(failure: Failure) -> None:
    # A TorError says that there will be no more tors; who asked for that knows.
    failure.trap(CancelledError, TorError)
