# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The network goes away, or its directories do.
"""

from __future__ import annotations

from typing import Any

import pytest

from onionp2p.events import Published, Repairing, Retrying, observe
from onionp2p.testing.faketor import Fail

kinds = pytest.mark.parametrize("kind", [{}, {"circuits": True}], ids=["memory", "folder"])


@kinds
@pytest.mark.parametrize("seconds", [30, 3000])
def test_relaysFrozen(program: Any, seconds: float, kind: dict[str, Any]) -> None:
    """
    While nothing comes from the network, for however long, neither tor nor the onion is touched,
    and a dial waits within its deadline; when the network is back, that dial comes through, and so
    does what was sent meanwhile.
    """
    listener = program.listen(watch=60.0, **kind)
    stranger = program.connect(listener.port)
    tor = program.serving(listener)
    program.network.goDown()
    waiting = program.dial(listener.port, timeout=seconds + 300)
    stranger.transport.write(b"hello?")
    program.reactor.advance(seconds)
    assert not waiting.called
    assert stranger.received == b""
    program.network.comeBack()
    program.reactor.resultOf(waiting, seconds=60)
    assert stranger.received == b"hello?"
    program.reactor.advance(200)
    assert program.reaches(listener.port)
    assert program.serving(listener) is tor
    assert Repairing not in listener.kinds()


@kinds
@pytest.mark.parametrize("seconds", [30, 900])
def test_hsdirsGone(program: Any, seconds: float, kind: dict[str, Any]) -> None:
    """
    While no directory takes the descriptor of an onion that a new tor serves, its connections would
    live on, but nobody finds it; it is brought to them again and again until one takes it.
    """
    listener = program.listen(watch=None, **kind)
    port = listener.port
    rule = program.network.on("UPLOAD", Fail())
    program.network.loseDescriptor(port.getHost().label)
    program.serving(listener).die()
    program.reactor.advance(seconds)
    assert listener.kinds()[-1] is not Published
    rule.cancel()
    program.wait(lambda: listener.kinds()[-1] is Published)
    assert program.reaches(port)


@kinds
def test_hsdirsGoneAtFirst(program: Any, kind: dict[str, Any]) -> None:
    """
    So it is at the beginning: listen() fires as soon as one has taken it, within its time.
    """
    rule = program.network.on("UPLOAD", Fail())
    listener = program.listen(**kind)
    program.reactor.advance(100)
    assert not listener.listening.called
    rule.cancel()
    assert program.reaches(listener.port)
    assert program.reactor.seconds() < 300


def test_dialsWhileUnpublished(program: Any) -> None:
    """
    Who dials meanwhile is told that the onion is not there, tries again, and comes through.
    """
    listener = program.listen()
    port = listener.port
    rule = program.network.on("UPLOAD", Fail())
    program.network.loseDescriptor(port.getHost().label)
    program.serving(listener).die()
    retried: list[Retrying] = []
    forget = observe(lambda event: retried.append(event) if isinstance(event, Retrying) else None)
    waiting = program.dial(port, timeout=600)
    program.reactor.advance(60)
    assert not waiting.called
    rule.cancel()
    program.reactor.resultOf(waiting)
    forget()
    assert retried
