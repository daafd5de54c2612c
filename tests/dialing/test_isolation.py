# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Who shares circuits with whom.
"""

from __future__ import annotations

import gc

import pytest

from onionp2p import OnionAddress, OnionClientEndpoint
from onionp2p.dialing.isolation import Isolation
from onionp2p.endpoints import OnionServerEndpoint
from onionp2p.options import DialOptions, ListenOptions, parseDial
from onionp2p.testing import FakeNetwork, MemoryReactor, RecordingFactory

LABEL = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd"


def dialAll(
    reactor: MemoryReactor, network: FakeNetwork, isolations: list[str | None]
) -> list[bytes]:
    """
    Dial one onion by endpoints with C{isolate=} each, twice, and give the tokens that tor saw.
    """
    server = OnionServerEndpoint(reactor, ListenOptions(7777))
    address = reactor.resultOf(server.listen(RecordingFactory())).getHost()
    assert isinstance(address, OnionAddress)
    endpoints = [
        OnionClientEndpoint(reactor, DialOptions(address, isolate=isolate))
        for isolate in isolations
    ]
    for endpoint in endpoints * 2:
        reactor.resultOf(endpoint.connect(RecordingFactory()))
    return [dial.token for dial in network.dials]


def test_byEndpoint(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    By default the dials of one endpoint object share circuits, and nobody else does.
    """
    a, b, a2, b2 = dialAll(memory_reactor, fake_network, [None, None])
    assert (a, b) == (a2, b2)
    assert a != b


def test_byDial(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    With C{isolate=dial} every dial has circuits of its own.
    """
    assert len(set(dialAll(memory_reactor, fake_network, ["dial", "dial"]))) == 4


def test_byLabel(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Endpoints with one label share, those with another don't.
    """
    tokens = dialAll(memory_reactor, fake_network, ["alice", "alice", "bob", None])
    assert tokens[:4] == tokens[4:]
    assert tokens[0] == tokens[1]
    assert len(set(tokens)) == 3


def test_tokensSayNothing(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    What tor sees of a label is random: others who have tor's control port see it too.
    """
    first, *_ = dialAll(memory_reactor, fake_network, ["alice"])
    assert first.startswith(b"<torS0X>0\0")
    assert b"alice" not in first
    assert len(first) == len(b"<torS0X>0\0") + 32


def test_labelsAreForgotten() -> None:
    """
    A label whose endpoints are gone has new circuits the next time.
    """
    first = Isolation.ofLabel("x")
    assert Isolation.ofLabel("x") is first
    assert Isolation.ofLabel("y") is not first
    token = first.token
    del first
    gc.collect()
    assert Isolation.ofLabel("x").token != token


@pytest.mark.parametrize("bad", ["", "a b", "é", "x" * 65, "a\nb"])
def test_badLabels(bad: str) -> None:
    """
    A label is a plain word.
    """
    with pytest.raises(ValueError, match="isolate= takes a word"):
        parseDial(["dial", "1"], {"addr": f"{LABEL}.onion", "isolate": bad})


def test_warm() -> None:
    """
    There is a circuit once a dial came through, until fresh ones are to be used; of circuits that
    were given up before, a success says nothing.
    """
    isolation = Isolation()
    before = isolation.token
    states = [isolation.isWarm]
    isolation.answered(before)
    states.append(isolation.isWarm)
    isolation.abandon(before)
    states.append(isolation.isWarm)
    isolation.answered(before)
    assert [*states, isolation.isWarm] == [False, True, False, False]
