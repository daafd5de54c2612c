# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A tor that comes back: launched, watched, and launched again for as long as somebody needs it.

What it is to serve (L{OnionServices}) is kept here as data, and applied to each new tor before
anybody may use it.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from onionp2p.errors import ControlTimeout, OnionRefused, TorError, TorRestarted, TorShutDown
from onionp2p.events import TorEnded, publish
from onionp2p.options import TorOptions
from onionp2p.tor.restarts import RareRestarts
from onionp2p.tor.services import OnionServices
from onionp2p.tor.source import Launcher, Reactor, TorSource
from onionp2p.tor.watchdog import Watchdog
from onionp2p.waiting.backoff import Backoff
from onionp2p.waiting.dialqueue import DialQueue
from onionp2p.waiting.outcome import Outcome
from onionp2p.waiting.timer import Timer

if TYPE_CHECKING:
    from onionp2p.tor.tor import Tor

__all__ = ["State", "SupervisedTor"]

_SECONDS_UNUSED = 60.0
_FIRST_PAUSE, _PAUSE_FACTOR, _LONGEST_PAUSE = 1.0, 1.5, 60.0


class State(Enum):
    """
    What a supervised tor is doing.
    """

    STARTING = "starting"
    UP = "up"
    PAUSING = "pausing before it is started again"
    ENDING = "ending"
    ENDED = "ended"


_NEXT = {
    # Where the first one does not start, nobody is helped by a second.
    State.STARTING: {State.UP, State.PAUSING, State.ENDING},
    State.UP: {State.PAUSING, State.ENDING},
    State.PAUSING: {State.STARTING, State.ENDING},
    State.ENDING: {State.ENDED},
    State.ENDED: set(),
}


class SupervisedTor:
    """
    A tor, each that follows when it ends, and who uses it.

    @ivar state: what it is doing.
    @ivar available: whether it can be leased: not once its end has begun.
    @ivar queue: the turns of those who dial by it.
    @ivar services: the onions that it is to serve.
    @ivar ended: once its process and its locks are gone for good.  Its run directory goes when the
        users have gone too, since listeners have their sockets there.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Reactor,
        options: TorOptions,
        launch: Launcher,
        predecessor: SupervisedTor | None,
    ) -> None:
        """
        @param launch: gives a tor of our own.
        @param predecessor: one with the same options that has not ended yet.
        """
        self._reactor = reactor
        self._source = TorSource(reactor, options, launch)
        self._users: set[object] = set()
        self._unused = Timer(reactor)
        self._tor: Tor | None = None
        self._up: Outcome[Tor] = Outcome()
        self._watchdog: Watchdog | None = None
        self._lost: Outcome[TorError | None] | None = None
        self._restarts = RareRestarts(reactor)
        self.state = State.STARTING
        self.available = True
        self.queue = DialQueue()
        self.services = OnionServices(reactor)
        self.ended: Outcome[None] = Outcome()
        # While the reactor shuts down, connections still flush: a tor in use goes only after it.
        self._triggers = {
            phase: reactor.addSystemEventTrigger(phase, "shutdown", react)
            for phase, react in [("before", self._beforeShutdown), ("after", self._afterShutdown)]
        }
        self._life = Deferred.fromCoroutine(self._live(predecessor))

    @property
    def up(self) -> Outcome[Tor]:
        """
        The present tor, once it answers, or the next one if it has ended; it fails when there will
        be none.
        """
        # Others may hear of a tor's end before we do.
        if self._tor is not None and self._tor.control.lost:
            self._awaitNext()
        return self._up

    def _awaitNext(self) -> None:
        if self._up.known:
            self._up = Outcome()

    def _become(self, state: State) -> None:
        assert state in _NEXT[self.state], (self.state, state)
        self.state = state

    async def _live(self, predecessor: SupervisedTor | None) -> None:
        error: Exception = TorShutDown()
        try:
            if predecessor is not None:  # it holds our state directory still
                await predecessor.ended.wait()
            await self._keepUp()
        except CancelledError:
            pass
        except Exception as problem:  # noqa: BLE001 - the users get it
            error = _asTorError(problem)
        self.available = False
        if predecessor is not None:  # who waits for our end waits for its
            await predecessor.ended.wait()
        if self._tor is not None:
            await self._tor.end()
        self._finish(error)

    async def _keepUp(self) -> None:
        """
        Have a tor, again and again, while it is used.

        @raise Exception: if the first one does not start.
        """
        backoff = Backoff(_FIRST_PAUSE, _PAUSE_FACTOR, _LONGEST_PAUSE)
        hasBeenUp = False
        while True:
            try:
                self._tor = await self._source.next()
            except Exception as problem:
                if not hasBeenUp or isinstance(problem, CancelledError):
                    raise
                why: Exception = _asTorError(problem)
            else:
                hasBeenUp = True
                known = await self._untilLost(self._tor)
                if self._tor.bootstrap.progress.percent == 100:
                    backoff.reset()
                self._awaitNext()
                await self._tor.end()
                why = known or self._tor.whyLost()  # by which signal is known only now
                self._tor = None
            if not self._users or not self.available:
                return
            self._become(State.PAUSING)
            pause = backoff.next()
            publish(self._log, TorEnded(why, pause))
            await deferLater(self._reactor, pause)
            self._become(State.STARTING)

    async def _untilLost(self, tor: Tor) -> TorError | None:
        """
        Have it serve what is desired, let it be used, and wait until it is gone or silent.

        @return: why it is of no use any more, where that is not for tor to tell.
        """
        lost = self._lost = Outcome()
        tor.control.whenLost().addCallback(lost.succeed)
        self._watchdog = Watchdog(
            self._reactor, tor.control, lambda: lost.succeed(ControlTimeout())
        )
        try:
            try:
                await self.services.applyTo(tor.control, self._source.folder)
            except OnionRefused as refused:
                self._log.error("an onion is not served: {error}", error=refused)
            self._become(State.UP)
            self.up.succeed(tor)
            return await lost.wait()
        finally:
            self._watchdog.stop()

    def _finish(self, error: Exception) -> None:
        if self.state is State.ENDED:  # the reactor was gone before an orderly end was through
            return
        self._become(State.ENDING)
        self._become(State.ENDED)
        self._unused.cancel()
        self._tor = None
        self._awaitNext()
        self._up.fail(error)
        self.services.giveUp(error)
        if not self._users:
            self._removeFolder()
        self.ended.succeed(None)

    def _beforeShutdown(self) -> Deferred[None] | None:
        """
        End a tor that nobody can use yet; let go of the others.
        """
        del self._triggers["before"]
        if self._tor is None or self.state is not State.UP:
            return self.shutdown()
        self.available = False
        if self._watchdog is not None:
            self._watchdog.stop()
        return Deferred.fromCoroutine(self._tor.takeLeave())

    def _afterShutdown(self) -> None:
        del self._triggers["after"]
        if self._tor is not None:
            self._tor.endNow()
        self._users.clear()
        self._finish(TorShutDown())
        self._removeFolder()

    def shutdown(self) -> Deferred[None]:
        """
        End tor, whoever uses it.

        @return: fires when it is gone.
        """
        if self.available:
            self.available = False
            self._life.cancel()
        return self.ended.wait()

    @property
    def present(self) -> Tor | None:
        """
        The tor that there is, or L{None} between two.
        """
        isUp = self.state is State.UP and self._tor is not None and not self._tor.control.lost
        return self._tor if isUp else None

    @property
    def mayRestart(self) -> bool:
        """
        Whether L{restart} would do it: the tor is ours, and the last time is a day ago.
        """
        return self._source.isOurs and self._lost is not None and self._restarts.due

    def restart(self) -> None:
        """
        Have another tor in place of the present one, if that may be.
        """
        if self.mayRestart:
            self._restarts.note()
            self._replace()

    def _replace(self) -> None:
        if self._source.isOurs and self._lost is not None:
            self._lost.succeed(TorRestarted())

    def restoreFolder(self) -> None:
        """
        See that the folder of the sockets between us and our tor is there.  Where it was lost, tor
        has lost the socket for dials too, so another one takes its place.

        @raise OSError: if that can't be.
        """
        if self._source.restoreFolder():
            self._replace()

    def use(self, user: object) -> None:
        """
        Count one more use.
        """
        self._users.add(user)
        self._unused.cancel()

    def release(self, user: object) -> None:
        """
        Count one use less.
        """
        self._users.discard(user)
        if not self._users and self.available:
            if self.state is State.PAUSING:  # for nobody
                self.shutdown()
            else:
                self._unused.start(_SECONDS_UNUSED, self.shutdown)
        if not self._users and self.ended.known:
            self._removeFolder()

    def _removeFolder(self) -> None:
        while self._triggers:
            self._reactor.removeSystemEventTrigger(self._triggers.popitem()[1])
        self._source.removeFolder()


def _asTorError(problem: Exception) -> Exception:
    if isinstance(problem, OSError):  # of a full disk, say
        return TorError(f"{problem.filename or 'launching it'}: {problem.strerror}.")
    return problem
