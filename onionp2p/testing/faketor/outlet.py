# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What a fake tor writes to a connection: whole or in pieces, and nothing while it is frozen.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from onionp2p.waiting.outcome import Outcome

__all__ = ["Outlet"]


class Outlet:
    """
    Writes to one transport.

    @ivar pieceSize: how many bytes go at a time, each piece in a turn of the reactor of its own;
        L{None} for all at once.
    """

    def __init__(self, clock: IReactorTime, transport: Any, pieceSize: int | None) -> None:
        self._clock = clock
        self._transport = transport
        self._waiting = bytearray()
        self._frozen = False
        self._finishing = False
        self._next: IDelayedCall | None = None
        self._empty: Outcome[None] = Outcome()
        self.pieceSize = pieceSize

    def write(self, data: bytes) -> None:
        """
        Send C{data} after what was written before.
        """
        self._waiting += data
        self._go()

    def finish(self) -> None:
        """
        Close the connection after what was written before.
        """
        self._finishing = True
        self._go()

    def freeze(self) -> None:
        """
        Hold everything back.
        """
        self._frozen = True

    def thaw(self) -> None:
        """
        Go on.
        """
        self._frozen = False
        self._go()

    def stop(self) -> None:
        """
        Write nothing more: the connection is gone.
        """
        self._waiting.clear()
        if self._next is not None and self._next.active():
            self._next.cancel()

    def whenEmpty(self) -> Deferred[None]:
        """
        Give a Deferred that fires once everything is sent.
        """
        self._empty = Outcome()
        self._go()
        return self._empty.wait()

    def _go(self) -> None:
        if self._frozen or (self._next is not None and self._next.active()):
            return
        if self._waiting:
            size = self.pieceSize or len(self._waiting)
            piece = bytes(self._waiting[:size])
            del self._waiting[:size]
            self._transport.write(piece)
        if self._waiting:
            self._next = self._clock.callLater(0, self._go)
            return
        self._empty.succeed(None)
        if self._finishing:
            self._transport.loseConnection()
