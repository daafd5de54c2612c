# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Whose turn it is.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred

from onionp2p.errors import DialQueueFull
from onionp2p.waiting.dialqueue import DialQueue


class Dialer:
    """
    Takes one turn, and ends it when told to.
    """

    isWarm = False

    def __init__(self, queue: DialQueue, destination: str) -> None:
        self.destination = destination
        self.hasTurn = False
        self.finished: Deferred[None] = Deferred()
        self.over = Deferred.fromCoroutine(self._run(queue))

    async def _run(self, queue: DialQueue) -> None:
        async with queue.turn(self.destination, lambda: self.isWarm):
            self.hasTurn = True
            try:
                await self.finished
            finally:
                self.hasTurn = False

    def cancel(self) -> None:
        """
        Give up.
        """
        self.over.addErrback(lambda failure: failure.trap(CancelledError))
        self.over.cancel()


class WarmDialer(Dialer):
    """
    One for which there is a circuit.
    """

    isWarm = True


def withTurn(dialers: list[Dialer]) -> list[str]:
    """
    Give the destinations of those that have a turn.
    """
    return [dialer.destination for dialer in dialers if dialer.hasTurn]


def test_atMostSixteen() -> None:
    """
    However many dial, tor has sixteen to do at a time; each end is another's beginning, in order.
    """
    queue = DialQueue()
    dialers = [Dialer(queue, str(number)) for number in range(100)]
    assert withTurn(dialers) == [str(number) for number in range(16)]
    for number in range(100):
        assert (queue.pending, queue.waiting) == (min(16, 100 - number), max(0, 84 - number))
        dialers[number].finished.callback(None)
    assert (queue.pending, queue.waiting) == (0, 0)
    assert all(dialer.over.called for dialer in dialers)


def test_destinationsTakeTurns() -> None:
    """
    One destination's thousand dials don't keep another's waiting: they alternate.
    """
    queue = DialQueue()
    many = [Dialer(queue, "many") for _ in range(1000)]
    others = [Dialer(queue, "others") for _ in range(6)]
    assert (len(withTurn(many)), len(withTurn(others))) == (12, 4)
    # Whichever destination's dial ends, the next one is of the destination whose turn it is.
    third = Dialer(queue, "third")
    assert queue.waiting == 988 + 2 + 1
    many[0].finished.callback(None)
    many[1].finished.callback(None)
    many[2].finished.callback(None)
    assert third.hasTurn
    assert len(withTurn(others)) >= 5
    for dialer in [*many, *others, third]:
        dialer.cancel()
    assert (queue.pending, queue.waiting) == (0, 0)


def test_aSilentDestinationLeavesRoom() -> None:
    """
    An onion that never answers has twelve of tor's places for ever, and others go on.
    """
    queue = DialQueue()
    silent = [Dialer(queue, "silent") for _ in range(50)]
    for _ in range(50):
        other = Dialer(queue, "other")
        assert other.hasTurn
        other.finished.callback(None)
    assert len(withTurn(silent)) == 12
    for dialer in silent:
        dialer.cancel()


def test_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Once there is a circuit, of the dials that may use it 84 more go on, those that wait already
    too; if they are silent then, others find as much room as ever.
    """
    queue = DialQueue()
    dialers = [Dialer(queue, "a") for _ in range(200)]
    assert len(withTurn(dialers)) == 12
    monkeypatch.setattr(Dialer, "isWarm", True)
    dialers[0].finished.callback(None)
    assert len(withTurn(dialers)) == 12 + 84
    assert queue.pending == 12 + 84
    monkeypatch.setattr(Dialer, "isWarm", False)
    others = [Dialer(queue, "b") for _ in range(5)]
    assert len(withTurn(others)) == 4
    for dialer in dialers[1:40]:
        dialer.finished.callback(None)
    assert len(withTurn(dialers)) == 12 + 84 - 39 + 11
    for dialer in [*dialers[40:], *others]:
        dialer.cancel()
    assert (queue.pending, queue.waiting) == (0, 0)


def test_warmOnesTakeTurns() -> None:
    """
    Of several onions to which there are circuits, each has its share of those places.
    """
    queue = DialQueue()
    dialers: list[Dialer] = [WarmDialer(queue, "a") for _ in range(300)]
    others: list[Dialer] = [WarmDialer(queue, "b") for _ in range(30)]
    assert (len(withTurn(dialers)), len(withTurn(others))) == (96, 4)
    for dialer in dialers[12:52]:
        dialer.finished.callback(None)
    assert (len(withTurn(dialers)), len(withTurn(others))) == (76, 24)
    for dialer in [*dialers, *others]:
        dialer.cancel()
    assert (queue.pending, queue.waiting) == (0, 0)


def test_cancelledWhileWaiting() -> None:
    """
    Who gives up waiting is passed over, and takes nobody's place.
    """
    queue = DialQueue()
    dialers = [Dialer(queue, str(number)) for number in range(18)]
    dialers[16].cancel()
    dialers[0].finished.callback(None)
    assert dialers[17].hasTurn
    assert queue.waiting == 0
    for dialer in dialers[1:16]:
        dialer.finished.callback(None)
    dialers[17].finished.callback(None)
    assert queue.pending == 0


def test_full() -> None:
    """
    The queue has an end, and who comes too late is told at once.
    """
    queue = DialQueue()
    dialers = [Dialer(queue, "x") for _ in range(12 + 10_000)]
    late = Dialer(queue, "x")
    caught: list[object] = []
    late.over.addErrback(lambda failure: caught.append(failure.value))
    for dialer in dialers:
        dialer.cancel()
    with pytest.raises(DialQueueFull, match="10000 dials wait"):
        raise caught[0]  # type: ignore[misc]
    assert (queue.pending, queue.waiting) == (0, 0)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["dial", "end", "cancel"]))))
def test_anyHistory(steps: list[tuple[str, str]]) -> None:
    """
    Whatever happens in whatever order, the counts are those of the dials that are there, the limits
    hold, and nobody waits while there is a place for him.
    """
    queue = DialQueue()
    dialers: list[Dialer] = []
    for destination, step in steps * 8:
        its = [it for it in dialers if it.destination == destination and not it.over.called]
        if step == "dial":
            dialers.append(Dialer(queue, destination))
        elif its and step == "cancel":
            its[-1].cancel()
        elif its and its[0].hasTurn:
            its[0].finished.callback(None)
        busy = withTurn(dialers)
        waiting = [it.destination for it in dialers if not it.hasTurn and not it.over.called]
        assert (queue.pending, queue.waiting) == (len(busy), len(waiting))
        assert len(busy) <= 16
        assert all(busy.count(name) <= 12 for name in "abc")
        assert len(busy) == 16 or all(busy.count(name) == 12 for name in waiting)
    for dialer in dialers:
        dialer.cancel()
    assert (queue.pending, queue.waiting) == (0, 0)
