# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A delayed call that is set, put off and taken back.
"""

from __future__ import annotations

from twisted.internet.task import Clock

from onionp2p.waiting.timer import Timer


def test_oneCallAtATime() -> None:
    """
    What is set later takes the place of what was to come.
    """
    clock, called = Clock(), list[str]()
    timer = Timer(clock)
    timer.start(5, lambda: called.append("first"))
    timer.start(7, lambda: called.append("second"))
    clock.advance(6)
    assert called == []
    clock.advance(1)
    assert called == ["second"]
    assert clock.getDelayedCalls() == []


def test_putOff() -> None:
    """
    A call that is put off comes so long after that; where none is to come, none does.
    """
    clock, called = Clock(), list[float]()
    timer = Timer(clock)
    timer.putOff(1)
    timer.start(5, lambda: called.append(clock.seconds()))
    clock.advance(4)
    timer.putOff(5)
    clock.advance(5)
    assert called == [9]
    timer.putOff(5)
    assert clock.getDelayedCalls() == []


def test_cancel() -> None:
    """
    What was taken back does not come; to do so twice, or afterwards, does no harm.
    """
    clock, called = Clock(), list[None]()
    timer = Timer(clock)
    timer.cancel()
    timer.start(5, lambda: called.append(None))
    timer.cancel()
    timer.cancel()
    assert clock.getDelayedCalls() == []
    timer.start(5, lambda: called.append(None))
    clock.advance(5)
    timer.cancel()
    assert called == [None]
