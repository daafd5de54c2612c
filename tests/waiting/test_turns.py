# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
One after another.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred

from onionp2p.waiting.turns import Turns


def test_thousandsWait() -> None:
    """
    Any number may wait, and each has its turn, in order.
    """
    turns, order = Turns(), []

    async def take(number: int) -> None:
        await turns.acquire()
        order.append(number)
        turns.release()

    first = Deferred.fromCoroutine(turns.acquire())
    assert first.called
    waiting = [Deferred.fromCoroutine(take(number)) for number in range(5000)]
    turns.release()
    assert order == list(range(5000))
    assert all(each.called for each in waiting)
    assert Deferred.fromCoroutine(turns.acquire()).called


def test_cancelled() -> None:
    """
    Who waits no more is passed over.
    """
    turns = Turns()
    Deferred.fromCoroutine(turns.acquire())
    first, second = (Deferred.fromCoroutine(turns.acquire()) for _ in range(2))
    first.addErrback(lambda failure: failure.trap(CancelledError))
    first.cancel()
    turns.release()
    assert second.called
    assert not turns.waiting
