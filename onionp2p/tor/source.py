# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Where a tor comes from: launched, one after the other in the same run directory; or it runs already.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from onionp2p.errors import TorShutDown
from onionp2p.options import TorOptions
from onionp2p.tor.rundir import RunDirectory

if TYPE_CHECKING:
    from onionp2p.tor.launch import LaunchedTor
    from onionp2p.tor.tor import Tor

__all__ = ["Launcher", "Reactor", "TorSource"]

# A reactor provides more interfaces than one annotation can name.
Reactor = Any
Launcher = Callable[
    [Reactor, TorOptions, RunDirectory], Coroutine["Deferred[Any]", Any, "LaunchedTor"]
]


class TorSource:
    """
    Gives one tor after another.

    @ivar isOurs: whether they are launched by us.
    """

    _log = Logger()

    def __init__(self, reactor: Reactor, options: TorOptions, launch: Launcher) -> None:
        """
        @param launch: gives a tor of our own.
        """
        self._reactor = reactor
        self._options = options
        self._launch = launch
        self._runDirectory: RunDirectory | None = None
        self.isOurs = options.control is None

    @property
    def folder(self) -> str | None:
        """
        Where the sockets between us and our tor are, once it was launched.
        """
        return None if self._runDirectory is None else self._runDirectory.path

    async def next(self) -> Tor:
        """
        Give a tor that answers.

        @raise Exception: if there is none to be had, for whatever reason.
        """
        if not self.isOurs:
            return await self._connect()
        if self._runDirectory is None:
            self._runDirectory = RunDirectory()
        self._runDirectory.restore()
        tor = await self._launch(self._reactor, self._options, self._runDirectory)
        self._log.info("tor is launched (process {pid})", pid=tor.pid)
        return tor

    async def _connect(self) -> Tor:
        # txtorcon takes 0.3 s to import: not when a plugin is looked at, only when tor is needed.
        from onionp2p.tor.running import connectTor

        if not self._reactor.running:
            raise TorShutDown
        return await connectTor(self._reactor, self._options)

    def restoreFolder(self) -> bool:
        """
        See that the folder of the sockets is there.

        @return: whether it was lost, and tor's socket for dials with it.

        @raise OSError: if that can't be.
        """
        return self._runDirectory is not None and self._runDirectory.restore()

    def removeFolder(self) -> None:
        """
        Remove the folder of the sockets.
        """
        if self._runDirectory is not None:
            self._runDirectory.remove()
            self._runDirectory = None
