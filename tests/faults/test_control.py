# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The control connection breaks, in the middle of a command or between two.
"""

from __future__ import annotations

from typing import Any

import pytest

from onionp2p.options import TorOptions
from onionp2p.testing.faketor import Cut, Drop

SYSTEM = "/system/control"

CUTS = {
    "not obeyed": Drop(),
    "obeyed, no answer": Cut(0),
    "half of the answer": Cut(20),
    "all but its end": Cut(len("250-ServiceID=") + 56 + len("\r\n250 OK")),
}


cuts = pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS.keys())
ways = pytest.mark.parametrize(
    ("way", "command"),
    [
        pytest.param({}, "ADD_ONION", id="our tor"),
        pytest.param({"tor": TorOptions(control=SYSTEM)}, "ADD_ONION", id="control="),
        pytest.param({"circuits": True}, "SETCONF", id="our tor, folder"),
    ],
)


@cuts
@ways
def test_cutAtFirst(program: Any, way: dict[str, Any], command: str, cut: Drop | Cut) -> None:
    """
    Of a connection that breaks around the command that makes the onion, listen() notices nothing
    but the time: whatever tor has made of it, the next connection brings it to what is desired.
    """
    program.startSystemTor()
    rule = program.network.on(command, cut, times=1)
    listener = program.listen(**way)
    port = listener.port
    assert rule.spent
    assert program.reactor.seconds() < 5
    assert program.reaches(port)
    assert list(program.serving(listener).onions.services) == [port.getHost().label]


@cuts
@ways
def test_cutOnTheWayBack(program: Any, way: dict[str, Any], command: str, cut: Drop | Cut) -> None:
    """
    The same where the onion is given to the next tor, or to the same one again.
    """
    program.startSystemTor()
    listener = program.listen(**way)
    port = listener.port
    program.serving(listener).dropControl()
    rule = program.network.on(command, cut, times=3)
    assert program.reaches(port)
    assert rule.spent
    assert list(program.serving(listener).onions.services) == [port.getHost().label]


@ways
def test_cutBeforeItIsSent(program: Any, way: dict[str, Any], command: str) -> None:
    """
    A listener that begins when the connection has just gone, which nobody knows yet, is served by
    the next, with those that were there.
    """
    program.startSystemTor()
    first = program.listen(1, **way)
    ports = [first.port]
    program.serving(first).dropControl()
    ports.append(program.listen(2, **way).port)
    assert all(program.reaches(port) for port in ports)


@ways
@pytest.mark.parametrize("cut", [Drop(), Cut(0), Cut(3)], ids=["not obeyed", "obeyed", "half"])
def test_cutWhileItStops(program: Any, way: dict[str, Any], command: str, cut: Drop | Cut) -> None:
    """
    A listener that stops while the connection breaks is served by no tor any more; the others are.
    """
    program.startSystemTor()
    ending = "RESETCONF" if command == "SETCONF" else "DEL_ONION"
    leaving, staying = program.listen(1, **way), program.listen(2)
    ports = [leaving.port, staying.port]
    rule = program.network.on(ending, cut, times=1)
    leaving.stop()
    assert rule.spent
    program.reactor.advance(10)
    assert program.serving(leaving) is None
    assert program.reaches(ports[1])


@pytest.mark.parametrize("command", ["GETINFO network-liveness", "HSFETCH", "GETINFO uptime"])
@pytest.mark.parametrize("cut", [Drop(), Cut(0), Cut(9)], ids=["not obeyed", "no answer", "half"])
def test_cutWhileItIsWatched(program: Any, command: str, cut: Drop | Cut) -> None:
    """
    One that breaks within a question of the watch, or of the watchdog, costs a tor and no more.
    """
    listener = program.listen(watch=60.0)
    port = listener.port
    rule = program.network.on(command, cut, times=1)
    program.wait(lambda: rule.spent, seconds=100)
    assert program.reaches(port)
