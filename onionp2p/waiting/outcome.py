# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Something that happens once, and that any number of callers may wait for.

A Deferred shared by several callers poisons them: what the first callback
returns is what the second gets, and one caller's cancellation cancels all.  So
each caller of L{Outcome.wait} gets a Deferred of its own.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

__all__ = ["Outcome"]

_T = TypeVar("_T")


class Outcome(Generic[_T]):
    """
    A result or an error that comes once.  Later ones are ignored: the first stands.
    """

    def __init__(self) -> None:
        self._waiting: list[Deferred[_T]] = []
        self._outcome: list[_T] | BaseException | None = None

    @property
    def known(self) -> bool:
        """
        Whether it has happened.
        """
        return self._outcome is not None

    def wait(self) -> Deferred[_T]:
        """
        Give a Deferred of the caller's own, which may be cancelled.
        """
        waiter: Deferred[_T] = Deferred(self._forget)
        if self._outcome is None:
            self._waiting.append(waiter)
        else:
            self._tell(waiter)
        return waiter

    def succeed(self, result: _T) -> None:
        """
        It happened, with C{result}.
        """
        self._settle([result])

    def fail(self, error: BaseException) -> None:
        """
        It will not happen, because of C{error}.
        """
        self._settle(error)

    def _forget(self, waiter: Deferred[_T]) -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)

    def _settle(self, outcome: list[_T] | BaseException) -> None:
        if self._outcome is not None:
            return
        self._outcome = outcome
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            self._tell(waiter)

    def _tell(self, waiter: Deferred[_T]) -> None:
        if waiter.called:  # an earlier waiter's callback cancelled it
            return
        if isinstance(self._outcome, list):
            waiter.callback(self._outcome[0])
        elif self._outcome is not None:
            waiter.errback(Failure(self._outcome))
