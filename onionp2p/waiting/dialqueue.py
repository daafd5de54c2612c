# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How many dials one tor is asked for at a time, and whose turn it is.

A tor builds at most 32 circuits at once, and a dial may need two; what is asked for beyond that
only waits inside of tor, where nobody can tell how long.  So the others wait here.  What goes by a
circuit that is there builds none, and waits far less.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator

from twisted.internet.defer import Deferred

from onionp2p.errors import DialQueueFull

__all__ = ["DialQueue"]

_PENDING = 16
# An onion that never answers keeps its dials pending for minutes: others' always find a place.
_PENDING_PER_DESTINATION = 12
# Beside these, so that an onion that was there a moment ago, and is silent now, blocks nobody.
_PENDING_ON_WARM_CIRCUITS = 84
_WAITING = 10_000


class _Turn:
    """
    One dial's, as a context.

    @ivar called: fires when it has its place.
    @ivar isBeside: whether its place is one of those for warm circuits.
    """

    def __init__(self, queue: DialQueue, destination: str, isWarm: Callable[[], bool]) -> None:
        self._queue = queue
        self.destination = destination
        self.isWarm = isWarm
        self.isBeside = False
        self.called: Deferred[None] = Deferred(lambda _: queue.stopWaiting(self))

    async def __aenter__(self) -> None:
        await self._queue.enter(self)

    async def __aexit__(self, *why: object) -> None:
        self._queue.leave(self)


def _isCold() -> bool:
    return False


class DialQueue:
    """
    The dials of one tor.

    Destinations take turns, whoever has more dials waiting.

    @ivar pending: how many dials tor is busy with.
    @ivar waiting: how many wait for their turn.
    """

    def __init__(self) -> None:
        self._turns: OrderedDict[str, deque[_Turn]] = OrderedDict()
        self._busy: Counter[str] = Counter()
        self._beside = 0
        self.pending = 0
        self.waiting = 0

    def turn(self, destination: str, isWarm: Callable[[], bool] = _isCold) -> _Turn:
        """
        Give what an C{async with} statement waits with for a place, and keeps it for as long as it
        lasts.

        @param destination: whom the dial is for.
        @param isWarm: whether the circuit that it would go by is there.  It is asked when a dial
            begins or ends.

        @raise DialQueueFull: there, if too many wait already.
        """
        return _Turn(self, destination, isWarm)

    async def enter(self, turn: _Turn) -> None:
        """
        Wait for a place.
        """
        if turn.destination in self._turns or not self._admit(turn):
            await self._wait(turn)

    def leave(self, turn: _Turn) -> None:
        """
        Give its place to whose turn it is.
        """
        self.pending -= 1
        if turn.isBeside:
            self._beside -= 1
        else:
            self._busy[turn.destination] -= 1
            if not self._busy[turn.destination]:
                del self._busy[turn.destination]
        self._callNext()

    def _admit(self, turn: _Turn) -> bool:
        busy = self._busy[turn.destination]
        if self.pending - self._beside < _PENDING and busy < _PENDING_PER_DESTINATION:
            self._busy[turn.destination] += 1
        elif self._beside < _PENDING_ON_WARM_CIRCUITS and turn.isWarm():
            turn.isBeside = True
            self._beside += 1
        else:
            return False
        self.pending += 1
        return True

    async def _wait(self, turn: _Turn) -> None:
        if self.waiting >= _WAITING:
            raise DialQueueFull(f"{self.waiting} dials wait already.")
        self._turns.setdefault(turn.destination, deque()).append(turn)
        self.waiting += 1
        await turn.called

    def stopWaiting(self, turn: _Turn) -> None:
        """
        Take it out of those that wait.
        """
        waiters = self._turns[turn.destination]
        waiters.remove(turn)
        if not waiters:
            del self._turns[turn.destination]
        self.waiting -= 1

    def _callNext(self) -> None:
        """
        Give free places to those who wait, one for each destination in turn.
        """
        while (turn := next(filter(self._admit, self._first()), None)) is not None:
            self.stopWaiting(turn)
            if turn.destination in self._turns:
                self._turns.move_to_end(turn.destination)
            turn.called.callback(None)

    def _first(self) -> Iterator[_Turn]:
        return (waiters[0] for waiters in self._turns.values())
