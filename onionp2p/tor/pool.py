# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
One tor for all endpoints of a reactor that have equal options (design §2).

Whoever needs tor leases it.  The first lease launches it; it ends 60 s after the last one was
released, or with L{shutdown}, or with the reactor.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from onionp2p.dialqueue import DialQueue
from onionp2p.errors import TorDied, TorError, TorShutDown
from onionp2p.options import TorOptions
from onionp2p.outcome import Outcome
from onionp2p.tor.rundir import RunDirectory

if TYPE_CHECKING:
    from onionp2p.tor.bootstrap import ProgressObserver
    from onionp2p.tor.launch import LaunchedTor

__all__ = ["TorLease", "leaseTor", "setLauncher", "shutdown"]

_SECONDS_UNUSED = 60.0

# A reactor provides more interfaces than one annotation can name.
Reactor = Any
Launcher = Callable[
    [Reactor, TorOptions, RunDirectory], Coroutine["Deferred[Any]", Any, "LaunchedTor"]
]


async def _launch(reactor: Reactor, options: TorOptions, runDirectory: RunDirectory) -> LaunchedTor:
    # txtorcon takes 0.3 s to import: not when a plugin is looked at, only when tor is needed.
    from onionp2p.tor.launch import launchTor

    if not reactor.running:
        raise TorShutDown
    return await launchTor(reactor, options, runDirectory)


class _SharedTor:
    """
    A tor and its leases.

    @ivar available: whether it can be leased: not once its end has begun.
    @ivar queue: the turns of those who dial by it.
    @ivar launched: the tor, once it answers.
    @ivar ended: once its process and its locks are gone.  Its run directory goes when the leases
        are released too, since listeners have their sockets there.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Reactor,
        options: TorOptions,
        launch: Launcher,
        predecessor: _SharedTor | None,
    ) -> None:
        self._reactor = reactor
        self._leases: set[TorLease] = set()
        self._unused: IDelayedCall | None = None
        self._tor: LaunchedTor | None = None
        self._runDirectory: RunDirectory | None = None
        self.available = True
        self.queue = DialQueue()
        self.launched: Outcome[LaunchedTor] = Outcome()
        self.ended: Outcome[None] = Outcome()
        # While the reactor shuts down, connections still flush: a tor in use goes only after it.
        self._triggers = {
            phase: reactor.addSystemEventTrigger(phase, "shutdown", react)
            for phase, react in [("before", self._beforeShutdown), ("after", self._afterShutdown)]
        }
        self._life = Deferred.fromCoroutine(self._live(options, launch, predecessor))

    async def _live(
        self, options: TorOptions, launch: Launcher, predecessor: _SharedTor | None
    ) -> None:
        error: Exception | None = None
        try:
            if predecessor is not None:  # it holds our state directory still
                await predecessor.ended.wait()
            self._runDirectory = RunDirectory()
            self._tor = await launch(self._reactor, options, self._runDirectory)
            self._log.info("tor is launched (process {pid})", pid=self._tor.pid)
            self.launched.succeed(self._tor)
            await self._tor.control.whenLost()
        except CancelledError:
            self.available = False
        except OSError as problem:  # of a full disk, say
            error = TorError(f"{problem.filename or 'launching it'}: {problem.strerror}.")
        except Exception as problem:  # noqa: BLE001 - the lessees get it
            error = problem
        died, self.available = self.available, False
        if predecessor is not None:  # who waits for our end waits for its
            await predecessor.ended.wait()
        if self._tor is not None:
            await self._tor.end()
            if died:
                error = TorDied(f"Its last words: {self._tor.lastWords()}")
                self._log.error("{error}", error=error)
        self._finish(error or TorShutDown())

    def _finish(self, error: Exception) -> None:
        self._cancelUnused()
        self.launched.fail(error)
        self.ended.succeed(None)
        if not self._leases:
            self._removeRunDirectory()

    def _beforeShutdown(self) -> Deferred[None] | None:
        """
        End a tor that nobody can use yet; let go of the others.
        """
        del self._triggers["before"]
        if not self.launched.known or not self.available:
            return self.shutdown()
        self.available = False
        return None

    def _afterShutdown(self) -> None:
        del self._triggers["after"]
        if self._tor is not None:
            self._tor.endNow()
        self._leases.clear()
        self._finish(TorShutDown())

    def shutdown(self) -> Deferred[None]:
        """
        End tor, whoever uses it.

        @return: fires when it is gone.
        """
        if self.available:
            self.available = False
            self._life.cancel()
        return self.ended.wait()

    def lease(self, lease: TorLease) -> None:
        """
        Count one more use.
        """
        self._leases.add(lease)
        self._cancelUnused()

    def release(self, lease: TorLease) -> None:
        """
        Count one use less.
        """
        self._leases.discard(lease)
        if not self._leases and self.available:
            self._cancelUnused()
            self._unused = self._reactor.callLater(_SECONDS_UNUSED, self.shutdown)
        if not self._leases and self.ended.known:
            self._removeRunDirectory()

    def _removeRunDirectory(self) -> None:
        while self._triggers:
            self._reactor.removeSystemEventTrigger(self._triggers.popitem()[1])
        if self._runDirectory is not None:
            self._runDirectory.remove()
            self._runDirectory = None

    def _cancelUnused(self) -> None:
        if self._unused is not None and self._unused.active():
            self._unused.cancel()


class TorLease:
    """
    The use of a tor.  Whoever has one releases it.
    """

    def __init__(self, shared: _SharedTor, progress: ProgressObserver | None) -> None:
        self._shared = shared
        self._progress = progress
        self._forget: Callable[[], None] | None = None
        shared.lease(self)

    @property
    def queue(self) -> DialQueue:
        """
        The turns of those who dial by this tor.
        """
        return self._shared.queue

    async def launched(self) -> LaunchedTor:
        """
        Wait for a tor that answers.

        @raise TorError: says what keeps it from starting.
        """
        tor = await self._shared.launched.wait()
        if tor.control.lost:
            raise TorDied
        if self._progress is not None and self._forget is None:
            self._forget = tor.bootstrap.observe(self._progress)
        return tor

    async def bootstrapped(self) -> LaunchedTor:
        """
        Wait for a tor that can build circuits.

        @raise TorError: says what keeps it from that.
        """
        tor = await self.launched()
        await tor.bootstrap.whenDone()
        return tor

    def share(self) -> TorLease:
        """
        Give one more lease of the same tor.
        """
        return TorLease(self._shared, None)

    def release(self) -> None:
        """
        Give it back.  Harmless when done twice.
        """
        if self._forget is not None:
            self._forget()
            self._forget = None
        self._shared.release(self)


_tors: dict[tuple[Reactor, TorOptions, Launcher], _SharedTor] = {}
_launchers: dict[Reactor, Launcher] = {}


def setLauncher(reactor: Reactor, launch: Launcher | None) -> None:
    """
    Have the tors of C{reactor} launched otherwise from now on: in memory, for tests.

    @param launch: how, or L{None} for the usual way.
    """
    if launch is None:
        _launchers.pop(reactor, None)
    else:
        _launchers[reactor] = launch


def leaseTor(
    reactor: Reactor, options: TorOptions, progress: ProgressObserver | None = None
) -> TorLease:
    """
    Lease the tor of C{options}; launch it if there is none.

    @param progress: told of its bootstrap, until the lease is released.
    """
    launch = _launchers.get(reactor, _launch)
    shared = _tors.get((reactor, options, launch))
    if shared is None or not shared.available:
        shared = _SharedTor(reactor, options, launch, predecessor=shared)
        _tors[reactor, options, launch] = shared
        shared.ended.wait().addCallback(_forget, shared)
    return TorLease(shared, progress)


def _forget(_: None, ended: _SharedTor) -> None:
    for key, shared in list(_tors.items()):
        if shared is ended:
            del _tors[key]


def shutdown(reactor: Reactor, launch: Launcher | None = None) -> Deferred[None]:
    """
    End every tor that endpoints of C{reactor} have launched, whoever uses it.

    @param launch: end only those that were launched so (see L{setLauncher}).

    @return: fires when they are gone.
    """
    tors = [
        shared
        for (its, _, way), shared in _tors.items()
        if its is reactor and launch in {None, way}
    ]
    ending = [shared.shutdown() for shared in tors]
    return gatherResults(ending).addCallback(lambda _: None)
