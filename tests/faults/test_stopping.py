# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A listener is stopped, or cancelled, in the middle of something.
"""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from onionp2p import ListenOptions, OnionServerEndpoint, Wait
from onionp2p.events import Event, Reachable, Repairing, Starting, Stopped, Unreachable
from onionp2p.testing import RecordingFactory
from onionp2p.testing.faketor import Delay, Fail, Hang, Ignore, Refuse, Stall

REPUBLISH = "publishing it anew"

kinds = pytest.mark.parametrize("kind", [{}, {"circuits": True}], ids=["memory", "folder"])


@kinds
@pytest.mark.parametrize(
    ("moment", "fault"),
    [
        ("BOOTSTRAP 50", Delay(1000)),
        ("BOOTSTRAP 50", Stall("No route to host")),
        ("PUBLISH", Ignore()),
        ("UPLOAD", Fail()),
        ("UPLOAD", Ignore()),
        ("SOCKS CONNECT", Ignore()),
        ("FETCH", Ignore()),
    ],
)
@pytest.mark.parametrize("seconds", [1, 40])
def test_cancelled(
    program: Any,
    kind: dict[str, Any],
    moment: str,
    fault: Any,
    seconds: float,
) -> None:
    """
    A listen() that is cancelled during bootstrap, publication, the next attempt at publication, or
    its first probe fails at once, and is gone.
    """
    program.network.on(moment, fault)
    listener = program.listen(key=program.key, wait=Wait.REACHABLE, **kind)
    program.reactor.advance(seconds)
    assert not listener.listening.called
    listener.listening.cancel()
    with pytest.raises(CancelledError):
        program.reactor.resultOf(listener.listening, seconds=2)
    assert listener.factory.starts == listener.factory.stops
    assert program.isGone()


@kinds
@pytest.mark.parametrize(
    ("moment", "fault"),
    [
        ("LAUNCH", Delay(1000)),
        ("GETINFO", Delay(1000)),
        ("ADD_ONION", Delay(1000)),
        ("SETCONF", Delay(1000)),
        ("BOOTSTRAP 50", Delay(1000)),
        ("BOOTSTRAP 50", Stall("No route to host")),
        ("PUBLISH", Ignore()),
        ("UPLOAD", Fail()),
    ],
)
@pytest.mark.parametrize("seconds", [0.5, 40])
def test_stoppedWhileItComesBack(
    program: Any,
    kind: dict[str, Any],
    moment: str,
    fault: Any,
    seconds: float,
) -> None:
    """
    stopListening() while the next tor starts, bootstraps, is told of the onion or publishes it
    takes 2 s at most.
    """
    listener = program.listen(key=program.key, **kind)
    port = listener.port
    program.network.on(moment, fault)
    program.serving(listener).die()
    program.reactor.advance(seconds)
    begun = program.reactor.seconds()
    program.reactor.resultOf(port.stopListening(), seconds=2.1)
    assert program.reactor.seconds() - begun <= 2
    assert (listener.factory.starts, listener.factory.stops) == (1, 1)
    assert program.isGone()


def steps(listener: Any) -> list[str]:
    """
    Give what was done so far to repair a listener.
    """
    return [event.step for event in listener.told if isinstance(event, Repairing)]


@pytest.mark.parametrize("step", [REPUBLISH, "restarting tor"])
@pytest.mark.parametrize("seconds", [0, 3])
@pytest.mark.parametrize("fault", [None, Ignore(), Hang(), Refuse(551)])
def test_stoppedDuringRepair(
    program: Any,
    step: str,
    seconds: float,
    fault: Any,
) -> None:
    """
    So does it in the middle of a repair, whatever tor says of that.
    """
    listener = program.listen(key=program.key, watch=60.0)
    port = listener.port
    program.network.on("SOCKS CONNECT", Refuse(0xF2))
    program.wait(lambda: Unreachable in listener.kinds())
    if fault is not None and step == REPUBLISH:
        program.network.on("ADD_ONION", fault)
    program.wait(lambda: step in steps(listener))
    if fault is not None:
        program.network.on("ADD_ONION", fault)
    program.reactor.advance(seconds)
    program.reactor.resultOf(port.stopListening(), seconds=2.1)
    assert program.isGone()


@kinds
@pytest.mark.parametrize(
    ("moment", "after"),
    [
        (Reachable, []),
        (Unreachable, ["", ""]),
        (Repairing, [REPUBLISH]),
        (Repairing, [REPUBLISH, REPUBLISH, "restarting tor"]),
    ],
)
def test_stoppedByWhoIsTold(
    program: Any, kind: dict[str, Any], moment: type[Event], after: list[str]
) -> None:
    """
    Who is told of an event may call stopListening() at once: nothing is told or repaired after
    that, and tor, which others use too, lives on.
    """
    stopping: list[Deferred[None]] = []

    def stop(event: Event) -> None:
        if stopping:
            late.append(event)
        elif isinstance(event, moment):
            seen.append(event)
            if len(seen) >= len(after):
                stopping.append(port.stopListening())

    seen: list[Event] = []
    late: list[Event] = []
    options = ListenOptions(7777, key=program.key, watch=60.0, **kind)
    listening = OnionServerEndpoint(program.reactor, options, stop).listen(RecordingFactory())
    port = program.reactor.resultOf(listening)
    if moment is not Reachable:
        program.network.on("SOCKS CONNECT", Refuse(0xF2))
    program.wait(lambda: bool(stopping), seconds=2000)
    program.reactor.resultOf(stopping[0], seconds=2.1)
    assert [getattr(event, "step", "") for event in seen] == (after or [""])
    assert [type(event) for event in late] == [Stopped]
    program.reactor.advance(10)
    assert [tor.alive for tor in program.network.tors] == [True]
    assert program.isGone()


@pytest.mark.parametrize("wait", [Wait.PUBLISHED, Wait.REACHABLE])
def test_cancelledByWhoIsTold(program: Any, wait: Wait) -> None:
    """
    Who is told that listen() has begun may cancel it at once.
    """

    def cancel(event: Event) -> None:
        if isinstance(event, Starting):
            listening.cancel()

    options = ListenOptions(7777, key=program.key, wait=wait)
    listening = OnionServerEndpoint(program.reactor, options, cancel).listen(RecordingFactory())
    with pytest.raises(CancelledError):
        program.reactor.resultOf(listening, seconds=2)
    assert program.isGone()
