# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Outcomes: what happens once and is told to many.
"""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from onionp2p.waiting.outcome import Outcome


def result(deferred: Deferred[Any]) -> object:
    """
    Give what C{deferred} has fired with, or the class of its error.
    """
    results: list[object] = []
    deferred.addCallbacks(results.append, lambda failure: results.append(failure.type))
    return results[0] if results else "nothing yet"


def test_everybodyIsTold() -> None:
    """
    Those who waited and those who come later get the same result, whatever the others' callbacks
    return.
    """
    outcome: Outcome[int] = Outcome()
    first, second = outcome.wait(), outcome.wait()
    first.addCallback(lambda _: 17)
    outcome.succeed(1)
    assert [result(first), result(second), result(outcome.wait())] == [17, 1, 1]


def test_everybodyIsToldOfAFailure() -> None:
    """
    A failure reaches those who wait, and those who come later.
    """
    outcome: Outcome[int] = Outcome()
    waiter = outcome.wait()
    outcome.fail(ValueError("x"))
    assert [result(waiter), result(outcome.wait())] == [ValueError, ValueError]


@pytest.mark.parametrize("value", [None, 0, 1])
def test_knownOnceItHappened(value: int | None) -> None:
    """
    It tells whether it has happened, whatever the result is.
    """
    outcome: Outcome[int | None] = Outcome()
    before = outcome.known
    outcome.succeed(value)
    assert (before, outcome.known) == (False, True)


def test_theFirstStands() -> None:
    """
    What comes after the first result changes nothing.
    """
    outcome: Outcome[int] = Outcome()
    outcome.succeed(1)
    outcome.fail(ValueError("x"))
    outcome.succeed(2)
    assert result(outcome.wait()) == 1


def test_cancellingOneLeavesTheOthers() -> None:
    """
    A waiter who gives up takes nobody else with it.
    """
    outcome: Outcome[int] = Outcome()
    first, second = outcome.wait(), outcome.wait()
    first.cancel()
    assert result(first) is CancelledError
    outcome.succeed(1)
    assert result(second) == 1


def test_cancelledByAnotherWaiter() -> None:
    """
    A waiter may be cancelled while the others are being told.
    """
    outcome: Outcome[int] = Outcome()
    first, second = outcome.wait(), outcome.wait()
    first.addCallback(lambda _: second.cancel())
    outcome.succeed(1)
    assert result(second) is CancelledError
