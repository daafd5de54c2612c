# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
One tor for all endpoints of a reactor that have equal options.

Whoever needs tor leases it.  The first lease launches it, or connects to the one that runs already;
it ends, or is left, 60 s after the last one was released, or with L{shutdown}, or with the reactor.
A running tor is not left at once, since it logs a notice of each new control connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, gatherResults

from onionp2p.errors import TorShutDown
from onionp2p.options import TorOptions
from onionp2p.tor.lease import TorLease
from onionp2p.tor.rundir import RunDirectory
from onionp2p.tor.source import Launcher
from onionp2p.tor.supervisor import SupervisedTor

if TYPE_CHECKING:
    from onionp2p.tor.bootstrap import ProgressObserver
    from onionp2p.tor.launch import LaunchedTor

__all__ = ["TorLease", "leaseTor", "setLauncher", "shutdown"]

# A reactor provides more interfaces than one annotation can name.
Reactor = Any

_tors: dict[tuple[Reactor, TorOptions, Launcher], SupervisedTor] = {}
_launchers: dict[Reactor, Launcher] = {}


async def _launch(reactor: Reactor, options: TorOptions, runDirectory: RunDirectory) -> LaunchedTor:
    # txtorcon takes 0.3 s to import: not when a plugin is looked at, only when tor is needed.
    from onionp2p.tor.launch import launchTor

    if not reactor.running:
        raise TorShutDown
    return await launchTor(reactor, options, runDirectory)


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
    supervised = _tors.get((reactor, options, launch))
    if supervised is None or not supervised.available:
        supervised = SupervisedTor(reactor, options, launch, predecessor=supervised)
        _tors[reactor, options, launch] = supervised
        supervised.ended.wait().addCallback(_forget, supervised)
    return TorLease(supervised, progress)


def _forget(_: None, ended: SupervisedTor) -> None:
    for key, supervised in list(_tors.items()):
        if supervised is ended:
            del _tors[key]


def shutdown(reactor: Reactor, launch: Launcher | None = None) -> Deferred[None]:
    """
    End every tor that endpoints of C{reactor} have launched, whoever uses it.

    @param launch: end only those that were launched so (see L{setLauncher}).

    @return: fires when they are gone.
    """
    tors = [
        supervised
        for (its, _, way), supervised in _tors.items()
        if its is reactor and launch in {None, way}
    ]
    ending = [supervised.shutdown() for supervised in tors]
    return gatherResults(ending).addCallback(lambda _: None)
