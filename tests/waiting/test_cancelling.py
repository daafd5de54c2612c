# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Coroutines that are cancelled, also by whom they call.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from onionp2p.waiting.cancelling import cancellable

outcomeOf = SynchronousTestCase()


class Talker:
    """
    Waits, calls who cancels it, and goes on.
    """

    def __init__(self, *, ends: bool = False) -> None:
        """
        @param ends: whether it awaits nothing after the call.
        """
        self.begun: Deferred[None] = Deferred()
        self.steps: list[str] = []
        self._ends = ends
        self.talking = cancellable(self._talk())

    async def _talk(self) -> str:
        await self.begun
        self.talking.cancel()
        self.steps.append("called")
        if self._ends:
            return "its outcome"
        await succeed(None)  # which is nothing to wait for
        try:
            await Deferred()
        finally:
            self.steps.append("undone")
        return "never"


def test_byWhomItCalls() -> None:
    """
    What it awaits after the call is cancelled, and what it undoes is done.
    """
    talker = Talker()
    talker.begun.callback(None)
    outcomeOf.failureResultOf(talker.talking, CancelledError)
    assert talker.steps == ["called", "undone"]


def test_tooLate() -> None:
    """
    One that awaits nothing more has its outcome.
    """
    talker = Talker(ends=True)
    talker.begun.callback(None)
    assert outcomeOf.successResultOf(talker.talking) == "its outcome"


def test_byOthers() -> None:
    """
    While it waits, it is cancelled as any other; once.
    """
    talker = Talker()
    talker.talking.cancel()
    outcomeOf.failureResultOf(talker.talking, CancelledError)
    assert talker.steps == []


def test_goesOn() -> None:
    """
    One that takes its cancellation, or an error, for a result may await more.
    """

    async def bear(waited: list[Deferred[Any]]) -> list[str]:
        borne = []
        for each in waited:
            try:
                await each
            except (CancelledError, ZeroDivisionError) as problem:
                borne.append(type(problem).__name__)
        return borne

    waited: list[Deferred[Any]] = [Deferred(), Deferred(), Deferred()]
    bearing = cancellable(bear(waited))
    bearing.cancel()
    waited[1].errback(ZeroDivisionError())
    waited[2].callback(None)
    assert outcomeOf.successResultOf(bearing) == ["CancelledError", "ZeroDivisionError"]


def test_twice() -> None:
    """
    A second cancellation, of what undoes the first, gets there too.
    """

    async def undo() -> None:
        try:
            await Deferred()
        finally:
            await Deferred()

    undoing = cancellable(undo())
    undoing.cancel()
    outcomeOf.assertNoResult(undoing)
    undoing.cancel()
    outcomeOf.failureResultOf(undoing, CancelledError)


def test_itsOwnError() -> None:
    """
    What it raises is its outcome.
    """

    async def fail() -> None:
        raise ZeroDivisionError

    outcomeOf.failureResultOf(cancellable(fail()), ZeroDivisionError)
