# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Places on this machine: what they are called, and the way to them.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ClientFactory, Protocol

from onionp2p.local.places import LONGEST_PATH, Place, PortOrPath
from onionp2p.testing import MemoryReactor, RecordingFactory, RecordingProtocol

TOO_LONG = Place(path="/" + "x" * LONGEST_PATH)


@pytest.mark.parametrize(
    ("text", "name", "ofTor", "multiaddr"),
    [
        ("tcp:127.0.0.1:80", "127.0.0.1:80", "127.0.0.1:80", "/ip4/127.0.0.1/tcp/80"),
        ("tcp:[::1]:80", "[::1]:80", "[::1]:80", "/ip6/::1/tcp/80"),
        ("unix:/run/a.sock", "/run/a.sock", "unix:/run/a.sock", "/unix/%2Frun%2Fa.sock"),
    ],
)
def test_names(text: str, name: str, ofTor: str, multiaddr: str) -> None:
    """
    A place has a name for people, one that tor takes, and one that libp2p's programs have; as a
    string it is as it was written.
    """
    place = Place.fromString(text)
    assert (place.name, place.ofTor, place.multiaddr, str(place)) == (name, ofTor, multiaddr, text)


def test_otherPaths() -> None:
    """
    What libp2p's programs take percent-encoded, tor takes in no way.
    """
    place = Place.fromString("unix:/run/a b.sock")
    assert place.multiaddr == "/unix/%2Frun%2Fa%20b.sock"
    with pytest.raises(ValueError, match="tor takes only short paths of plain letters"):
        _ = place.ofTor
    with pytest.raises(ValueError, match="tor takes only short paths"):
        _ = TOO_LONG.ofTor


@pytest.mark.parametrize(
    ("written", "name"),
    [(9050, "127.0.0.1:9050"), ("/run/tor/socks", "/run/tor/socks"), ("~/socks", "{home}/socks")],
)
def test_short(written: PortOrPath, name: str) -> None:
    """
    A port or a path will do, and C{~} is the user's home.
    """
    assert Place.of(written).name == name.format(home=os.path.expanduser("~"))


class _Given(ClientFactory):
    noisy = False

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return self._protocol


@pytest.mark.parametrize("text", ["unix:/place", "tcp:127.0.0.1:80"])
def test_connect(memory_reactor: MemoryReactor, text: str) -> None:
    """
    Both ways of connecting lead to who listens there.
    """
    place = Place.fromString(text)
    program = RecordingFactory(greeting=b"hello")
    if place.path:
        port: Any = memory_reactor.listenUNIX(place.path, program)
    else:
        port = memory_reactor.listenTCP(place.port, program, interface=place.host)
    one, other = (RecordingProtocol(RecordingFactory()) for _ in range(2))
    memory_reactor.resultOf(place.connect(memory_reactor, one, 1))
    place.connectFactory(memory_reactor, _Given(other))
    memory_reactor.advance(0)
    assert [bytes(each.received) for each in (one, other)] == [b"hello", b"hello"]
    for each in (one, other):
        each.transport.loseConnection()
    port.stopListening()
    memory_reactor.advance(0)


def test_tooLong(memory_reactor: MemoryReactor) -> None:
    """
    Where no socket can be, nobody is waited for.
    """
    with pytest.raises(ConnectError, match="at most"):
        memory_reactor.resultOf(TOO_LONG.connect(memory_reactor, Protocol(), 10), seconds=0)
    with pytest.raises(OSError, match="at most"):
        TOO_LONG.connectFactory(memory_reactor, ClientFactory())
