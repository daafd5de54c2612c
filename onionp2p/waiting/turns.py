# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
One after another.
"""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred

__all__ = ["Turns"]


class Turns:
    """
    A C{DeferredLock} for which any number may wait: that one runs who waits within who releases it,
    and a few hundred of them exhaust the stack.

    @ivar waiting: who waits, in order.
    """

    def __init__(self) -> None:
        self.waiting: deque[Deferred[None]] = deque()
        self._free = True
        self._passing = False

    async def acquire(self) -> None:
        """
        Wait for one's turn.
        """
        if self._free and not self.waiting:
            self._free = False
            return
        turn: Deferred[None] = Deferred(self.waiting.remove)
        self.waiting.append(turn)
        await turn

    def release(self) -> None:
        """
        Let the next one have it.
        """
        self._free = True
        if self._passing:  # within another's release, which goes on
            return
        self._passing = True
        try:
            while self._free and self.waiting:
                self._free = False
                self.waiting.popleft().callback(None)
        finally:
            self._passing = False
