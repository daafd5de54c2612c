# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Coroutines that tell others what they do, and may be cancelled by who is told.

C{Deferred.fromCoroutine} hands a cancellation on to what the coroutine awaits.  While the coroutine
runs it awaits nothing, so what an observer that it calls cancels would be lost: who gives up a dial
when he hears of its third attempt would get his connection all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectingCancelledError

__all__ = ["CANCELLED", "cancellable"]

CANCELLED = (CancelledError, ConnectingCancelledError)
"""
What fails with these was given up by who waited.  The second is what Twisted's endpoints make of
the first.
"""

_T = TypeVar("_T")


def cancellable(coroutine: Coroutine[Deferred[Any], Any, _T]) -> Deferred[_T]:
    """
    Run a coroutine, as C{Deferred.fromCoroutine} does; but if it is cancelled while it runs, what
    it awaits next is cancelled.

    @return: fires with its outcome.  One that awaits nothing more has its outcome already.
    """
    running: list[Deferred[_T]] = []
    running.append(Deferred.fromCoroutine(_obey(coroutine, running)))
    return running[0]


def _obey(
    coroutine: Coroutine[Deferred[Any], Any, _T], running: list[Deferred[_T]]
) -> Generator[Deferred[Any], Any, _T]:
    """
    @param running: empty until there is somebody who could cancel.
    """
    step: Callable[[Any], Deferred[Any]] = coroutine.send
    given: Any = None
    while True:
        before = _isOver(running)
        try:
            awaited = step(given)
        except StopIteration as end:
            outcome: _T = end.value
            return outcome
        finally:
            del given  # an exception would keep itself, by its traceback
        if _isOver(running) and not before:
            awaited.cancel()
        try:
            given, step = (yield awaited), coroutine.send
        except BaseException as problem:  # noqa: BLE001 - the coroutine gets it
            given, step = problem, coroutine.throw


def _isOver(running: list[Deferred[Any]]) -> bool:
    """
    Whether a running coroutine was cancelled: else its Deferred is called only once it has ended.
    """
    return bool(running) and bool(running[0].called)
