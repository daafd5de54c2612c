# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How many dials one tor is asked for at a time, and whose turn it is.

A tor builds at most 32 circuits at once, and a dial may need two; what is asked for beyond that
only waits inside of tor, where nobody can tell how long.  So the others wait here.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque

from twisted.internet.defer import Deferred

from onionp2p.errors import DialQueueFull

__all__ = ["DialQueue"]

_PENDING = 16
# An onion that never answers keeps its dials pending for minutes: others' always find a place.
_PENDING_PER_DESTINATION = 12
_WAITING = 10_000


class _Turn:
    """
    One dial's, as a context.
    """

    def __init__(self, queue: DialQueue, destination: str) -> None:
        self._queue = queue
        self._destination = destination

    async def __aenter__(self) -> None:
        await self._queue.enter(self._destination)

    async def __aexit__(self, *why: object) -> None:
        self._queue.leave(self._destination)


class DialQueue:
    """
    The dials of one tor.

    Destinations take turns, whoever has more dials waiting.

    @ivar pending: how many dials tor is busy with.
    @ivar waiting: how many wait for their turn.
    """

    def __init__(self) -> None:
        self._turns: OrderedDict[str, deque[Deferred[None]]] = OrderedDict()
        self._busy: Counter[str] = Counter()
        self.pending = 0
        self.waiting = 0

    def turn(self, destination: str) -> _Turn:
        """
        Give what an C{async with} statement waits with for a place, and keeps it for as long as it
        lasts.

        @param destination: whom the dial is for.

        @raise DialQueueFull: there, if too many wait already.
        """
        return _Turn(self, destination)

    async def enter(self, destination: str) -> None:
        """
        Wait for a place.
        """
        if self.waiting or not self._admit(destination):
            await self._wait(destination)

    def leave(self, destination: str) -> None:
        """
        Give it to whose turn it is.
        """
        self.pending -= 1
        self._busy[destination] -= 1
        if not self._busy[destination]:
            del self._busy[destination]
        self._callNext()

    def _admit(self, destination: str) -> bool:
        if self.pending >= _PENDING or self._busy[destination] >= _PENDING_PER_DESTINATION:
            return False
        self.pending += 1
        self._busy[destination] += 1
        return True

    async def _wait(self, destination: str) -> None:
        if self.waiting >= _WAITING:
            raise DialQueueFull(f"{self.waiting} dials wait already.")
        place: Deferred[None] = Deferred(lambda waiter: self._stopWaiting(destination, waiter))
        self._turns.setdefault(destination, deque()).append(place)
        self.waiting += 1
        self._callNext()
        await place

    def _stopWaiting(self, destination: str, waiter: Deferred[None]) -> None:
        waiters = self._turns[destination]
        waiters.remove(waiter)
        if not waiters:
            del self._turns[destination]
        self.waiting -= 1

    def _callNext(self) -> None:
        """
        Give free places to those who wait, one for each destination in turn.
        """
        while (destination := self._next()) is not None and self._admit(destination):
            waiter = self._turns[destination][0]
            self._stopWaiting(destination, waiter)
            if destination in self._turns:
                self._turns.move_to_end(destination)
            waiter.callback(None)

    def _next(self) -> str | None:
        free = (it for it in self._turns if self._busy[it] < _PENDING_PER_DESTINATION)
        return next(free, None)
