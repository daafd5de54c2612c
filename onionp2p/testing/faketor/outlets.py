# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
All that a fake tor writes to, which freezes with it.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from onionp2p.testing.faketor.outlet import Outlet
from onionp2p.waiting.outcome import Outcome

__all__ = ["Outlets"]


class Outlets:
    """
    A tor's outlets.

    @ivar pieceSize: see L{Outlet}; for new ones.
    """

    def __init__(self, clock: IReactorTime, kind: type[Outlet], pieceSize: int | None) -> None:
        """
        @param kind: what writes to a connection.
        """
        self._clock = clock
        self._kind = kind
        self.pieceSize = pieceSize
        self._outlets: list[Outlet] = []
        self._awake: Outcome[None] = Outcome()
        self._awake.succeed(None)

    @property
    def frozen(self) -> bool:
        """
        Whether they hold everything back.
        """
        return not self._awake.known

    def whenAwake(self) -> Deferred[None]:
        """
        Give a Deferred that fires when they hold nothing back.
        """
        return self._awake.wait()

    def new(self, transport: Any) -> Outlet:
        """
        Give what writes to a new connection.
        """
        outlet = self._kind(self._clock, transport, self.pieceSize)
        if self.frozen:
            outlet.freeze()
        self._outlets.append(outlet)
        return outlet

    def forget(self, outlet: Outlet) -> None:
        """
        Its connection is gone, or another's.
        """
        self._outlets.remove(outlet)
        outlet.stop()

    def freeze(self) -> None:
        """
        Hold everything back.
        """
        self._awake = Outcome()
        for outlet in self._outlets:
            outlet.freeze()

    def thaw(self) -> None:
        """
        Go on.
        """
        for outlet in list(self._outlets):
            outlet.thaw()
        self._awake.succeed(None)
