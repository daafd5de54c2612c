# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Our socket where a tor delivers an onion's connections, and what is told when it is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from onionp2p.events import Cause, Repairing, Unreachable
from onionp2p.listening.arrivals import Arrivals
from onionp2p.listening.keptsocket import KeptSocket
from onionp2p.listening.lifetime import Lifetime
from onionp2p.local.places import Place

__all__ = ["LocalPort"]


class LocalPort(KeptSocket):
    """
    The socket of one listener.
    """

    def __init__(
        self,
        reactor: Any,
        place: Place,
        arrivals: Arrivals,
        mode: int,
        lifetime: Lifetime,
        *,
        restoreFolder: Callable[[], None] = lambda: None,
    ) -> None:
        """
        @param place: where; port 0 is any free one.
        @param arrivals: takes the connections.
        @param mode: of the UNIX socket: who may connect to it.
        @param lifetime: of the listener.
        @param restoreFolder: makes the folder of the place anew, if that was lost and is ours; may
            raise an C{OSError}.
        """
        super().__init__(reactor, place, arrivals, mode, prepare=arrivals.prepare)
        self._application = arrivals.factory
        self._lifetime = lifetime
        self._restoreFolder = restoreFolder

    async def open(self) -> None:
        self._application.doStart()
        self._lifetime.whenEnded().addCallback(lambda _: self._application.doStop())
        await super().open()

    async def restore(self) -> None:
        """
        See that we are at the place: if we are not, tell so, and try to listen there anew for as
        long as it takes.
        """
        if self.isHere:
            return
        self._lost()
        repairing = Repairing(self._lifetime.address, "listening anew at our local socket")
        self._lifetime.tell(repairing)
        await self.reopen(lambda error: self._lost(str(error)), self._tryFolder)

    def _lost(self, detail: str = "") -> None:
        self._lifetime.tell(Unreachable(self._lifetime.address, Cause.TARGET_DEAD, detail))

    def _tryFolder(self) -> None:
        with suppress(OSError):  # to listen there fails for the same reason
            self._restoreFolder()
