# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Many listeners, many dials, and many deaths.
"""

from __future__ import annotations

import gc
import os
from collections import Counter
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from onionp2p import DialOptions, OnionClientEndpoint, Wait
from onionp2p.testing import RecordingFactory


def ofOurs() -> Counter[str]:
    """
    Count the objects of our classes, but those of the fakes, and what waits for something.
    """
    gc.collect()
    found: Counter[str] = Counter()
    for each in gc.get_objects():
        kind = type(each)
        module = str(kind.__module__)  # some types of others' have a descriptor there
        isOurs = module.startswith("onionp2p.") and "testing" not in module
        if isOurs or kind is Deferred:
            found[f"{kind.__module__}.{kind.__qualname__}"] += 1
    return found


@pytest.mark.deadline(60)
@pytest.mark.parametrize(
    ("options", "cycles"),
    [
        pytest.param({}, 200, id="published"),
        pytest.param({"circuits": True}, 200, id="folder"),
        pytest.param({"watch": None, "wait": Wait.ADDRESS}, 200, id="address"),
        pytest.param({"wait": Wait.REACHABLE}, 60, id="reachable"),
    ],
)
def test_listenAndStop(program: Any, options: dict[str, Any], cycles: int) -> None:
    """
    Whoever listens and stops again and again, beside a listener that stays, has at the end what he
    had after the first times: no delayed call, descriptor, onion or object more.
    """
    program.listen(1, watch=None).port  # noqa: B018 - waits for it
    for cycle in range(cycles):
        if cycle == 20:
            before = ofOurs(), len(os.listdir("/dev/fd")), len(program.reactor.leftovers())
        listener = program.listen(2, key=program.key, **options)
        listener.stop()
        del listener
        program.reactor.advance(10)
    grown = {kind: count for kind, count in (ofOurs() - before[0]).items() if count > 3}
    assert grown == {}
    assert len(os.listdir("/dev/fd")) <= before[1]
    assert len(program.reactor.leftovers()) <= before[2] + 2
    assert len(program.network.tors) == 1
    assert len(program.network.tors[0].onions.services) == 1


@pytest.mark.deadline(60)
def test_dialAndClose(program: Any) -> None:
    """
    The same for two hundred dials by one endpoint, some in vain.
    """
    listener = program.listen(1, watch=None)
    port = listener.port
    absent = program.listen(2)
    gone = absent.port.getHost()
    absent.stop()
    for cycle in range(200):
        if cycle == 20:
            before = ofOurs(), len(program.reactor.leftovers())
        protocol = program.connect(port)
        protocol.transport.loseConnection()
        del protocol, listener.factory.protocols[:]
        failing = OnionClientEndpoint(program.reactor, DialOptions(gone, timeout=5))
        failing.connect(RecordingFactory()).addErrback(lambda _: None)
        del failing
        program.reactor.advance(10)
    grown = {kind: count for kind, count in (ofOurs() - before[0]).items() if count > 3}
    assert grown == {}
    assert len(program.reactor.leftovers()) <= before[1] + 2


@pytest.mark.deadline(60)
@pytest.mark.parametrize("pause", [0.2, 3, 40])
def test_tenListenersHundredDials(program: Any, pause: float) -> None:
    """
    Ten listeners, of three kinds, and a hundred dials by the same tor, which is killed five times:
    every dial comes through, every listener is back where it was, and nothing is left at the end.
    """
    kinds: list[dict[str, Any]] = [{}, {"circuits": True}, {"wait": Wait.REACHABLE}]
    listeners = [program.listen(number + 1, **kinds[number % 3]) for number in range(10)]
    ports = [listener.port for listener in listeners]
    addresses = [port.getHost() for port in ports]
    dials: list[Deferred[Any]] = []
    for _ in range(5):
        for number in range(20):
            options = DialOptions(addresses[number % 10], timeout=300)
            endpoint = OnionClientEndpoint(program.reactor, options)
            dials.append(endpoint.connect(RecordingFactory()))
        program.network.tors[-1].die()
        program.reactor.advance(pause)
    dialed = [program.reactor.resultOf(dial, seconds=300) for dial in dials]
    assert len(dialed) == 100
    assert all(protocol.steps[0] == "connectionMade" for protocol in dialed)
    program.reactor.advance(200)
    assert [listener.port.getHost() for listener in listeners] == addresses
    assert all(program.reaches(port) for port in ports)
    assert [tor.alive for tor in program.network.tors[-2:]].count(True) >= 1
    for listener in listeners:
        listener.stop()
    for protocol in dialed:
        protocol.transport.abortConnection()
    program.reactor.advance(200)
    assert program.isGone()
