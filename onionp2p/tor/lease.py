# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The use of a tor that others may use too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from onionp2p.errors import ControlLost
from onionp2p.tor.services import OnionServices
from onionp2p.waiting.dialqueue import DialQueue

if TYPE_CHECKING:
    from onionp2p.tor.bootstrap import ProgressObserver
    from onionp2p.tor.supervisor import SupervisedTor
    from onionp2p.tor.tor import Tor

__all__ = ["TorLease"]


class TorLease:
    """
    The use of a tor, and of those that follow it.  Whoever has one releases it.
    """

    def __init__(self, supervised: SupervisedTor, progress: ProgressObserver | None) -> None:
        self._supervised = supervised
        self._progress = progress
        self._observed: Tor | None = None
        self._forget: Callable[[], None] | None = None
        supervised.use(self)

    @property
    def queue(self) -> DialQueue:
        """
        The turns of those who dial by this tor.
        """
        return self._supervised.queue

    @property
    def services(self) -> OnionServices:
        """
        The onions that this tor is to serve.
        """
        return self._supervised.services

    @property
    def present(self) -> Tor | None:
        """
        The tor that answers now, if there is one.
        """
        return self._supervised.present

    @property
    def mayRestart(self) -> bool:
        """
        Whether L{restart} would do it.
        """
        return self._supervised.mayRestart

    def restart(self) -> None:
        """
        Have another tor in place of the present one, for everybody who uses it: if it is ours, and
        at most once a day.
        """
        self._supervised.restart()

    def restoreFolder(self) -> None:
        """
        See that the folder is there in which this tor, if it is ours, and its listeners have their
        sockets.

        @raise OSError: if that can't be.
        """
        self._supervised.restoreFolder()

    async def launched(self) -> Tor:
        """
        Wait for a tor that answers; if it has ended, for the next one.

        @raise TorError: if there will be none: says why.
        """
        tor = await self._supervised.up.wait()
        while tor.control.lost:
            tor = await self._supervised.up.wait()
        if self._progress is not None and self._observed is not tor:
            self._stopObserving()
            self._observed, self._forget = tor, tor.bootstrap.observe(self._progress)
        return tor

    async def bootstrapped(self) -> Tor:
        """
        Wait for a tor that can build circuits.

        @raise TorError: says what keeps it from that.
        """
        while True:
            tor = await self.launched()
            try:
                await tor.bootstrapped()
            except ControlLost:
                continue  # the next one may get there
            return tor

    def share(self) -> TorLease:
        """
        Give one more lease of the same tor.
        """
        return TorLease(self._supervised, None)

    def release(self) -> None:
        """
        Give it back.  Harmless when done twice.
        """
        self._stopObserving()
        self._supervised.release(self)

    def _stopObserving(self) -> None:
        if self._forget is not None:
            self._forget()
            self._forget = None
