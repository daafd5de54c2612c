# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Listening and dialing through a tor that runs already, in memory.
"""

from __future__ import annotations

import os
import tempfile
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort

from onionp2p import DialOptions, OnionAddress, OnionClientEndpoint, OnionServerEndpoint
from onionp2p.errors import (
    ConnectionRefused,
    DialTimeout,
    NoSocksPort,
    OnionRefused,
    TargetError,
)
from onionp2p.listening.listen import OnionPort
from onionp2p.options import ListenOptions, TorOptions
from onionp2p.testing import FakeNetwork, FakeTor, MemoryReactor, RecordingFactory
from onionp2p.testing.faketor import Drop, Refuse

GUEST = TorOptions(control=9051)
HARMLESS = frozenset(
    "PROTOCOLINFO AUTHENTICATE AUTHCHALLENGE GETINFO GETCONF USEFEATURE SETEVENTS"
    " ADD_ONION DEL_ONION ONION_CLIENT_AUTH_VIEW ONION_CLIENT_AUTH_ADD"
    " ONION_CLIENT_AUTH_REMOVE".split()
)
"""All that a guest ever says."""


@pytest.fixture
def running(fake_network: FakeNetwork) -> FakeTor:
    """
    A tor that runs, with a control port and a SOCKS port.
    """
    return fake_network.startTor("/nowhere", {"ControlPort": "9051", "SocksPort": "9050"})


@pytest.fixture
def words(running: FakeTor) -> list[str]:
    """
    What it is told.
    """
    told: list[str] = []
    at = running.at

    def remember(moment: str) -> Any:
        told.append(moment)
        return at(moment)

    running.at = remember  # type: ignore[method-assign]
    return told


def begin(reactor: MemoryReactor, factory: Any = None, **options: Any) -> Deferred[IListeningPort]:
    """
    Begin to listen through it.
    """
    asked = ListenOptions(**{"port": 7777, "tor": GUEST, **options})
    return OnionServerEndpoint(reactor, asked).listen(factory or RecordingFactory(echoes=True))


def listen(reactor: MemoryReactor, factory: Any = None, **options: Any) -> OnionPort:
    """
    Listen through it.
    """
    port = reactor.resultOf(begin(reactor, factory, **options))
    assert isinstance(port, OnionPort)
    return port


def dial(reactor: MemoryReactor, address: OnionAddress, tor: TorOptions = GUEST) -> Any:
    """
    Dial through it.
    """
    endpoint = OnionClientEndpoint(reactor, DialOptions(address, tor=tor, timeout=5))
    return reactor.resultOf(endpoint.connect(RecordingFactory()))


def echoes(reactor: MemoryReactor, caller: Any) -> bool:
    """
    Tell whether the other end answers.
    """
    caller.transport.write(b"hello")
    reactor.advance(0)
    return bool(caller.received == b"hello")


def test_listenAndDial(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, running: FakeTor, words: list[str]
) -> None:
    """
    An onion is served and reached by one control connection; none of our own tors is launched, and
    nothing is ever said that could change another's.
    """
    port = listen(memory_reactor)
    assert echoes(memory_reactor, dial(memory_reactor, port.getHost()))
    assert echoes(memory_reactor, dial(memory_reactor, port.getHost(), TorOptions()))
    assert len(running.sessions) == 1
    assert len(fake_network.tors) == 1  # of the last dial
    memory_reactor.resultOf(port.stopListening())
    with pytest.raises(DialTimeout):
        dial(memory_reactor, port.getHost())
    memory_reactor.stop()
    memory_reactor.advance(0)
    commands = {word.split()[0] for word in words if word.split()[0].isupper()}
    fakes = {"BOOTSTRAP", "PUBLISH", "UPLOAD", "SOCKS", "TARGET", "INTRODUCTION", "FETCH"}
    assert commands - fakes <= HARMLESS
    assert "Detach" not in "".join(words)


def test_target(memory_reactor: MemoryReactor, running: FakeTor) -> None:
    """
    It delivers to a free port of 127.0.0.1, or where the user says: to a socket that another user's
    tor may use.
    """
    with tempfile.TemporaryDirectory(prefix="guest-") as folder:
        path = os.path.join(folder, "app.sock")
        ports = [
            listen(memory_reactor),
            listen(memory_reactor, target=8080),
            listen(memory_reactor, target=path),
        ]
        for port in ports:
            assert echoes(memory_reactor, dial(memory_reactor, port.getHost()))
        names = memory_reactor.sockets.listening.keys()
        assert {("127.0.0.1", 8080), path} <= names
        for port in ports:
            memory_reactor.resultOf(port.stopListening())
        with pytest.raises(TargetError, match="plain letters"):
            listen(memory_reactor, target=f"{folder}/a b")


def test_refused(memory_reactor: MemoryReactor, running: FakeTor) -> None:
    """
    A tor that refuses our onion keeps nothing of it, and neither do we.
    """
    running.on("ADD_ONION", Refuse(551, "No more onions"))
    with pytest.raises(OnionRefused, match="No more onions"):
        listen(memory_reactor)
    ports = {name[1] for name in memory_reactor.sockets.listening if name[0] == "127.0.0.1"}
    assert ports == {9050, 9051}


def test_severalOnOneOnion(memory_reactor: MemoryReactor, running: FakeTor, tmp_path: Any) -> None:
    """
    Two listeners with one key are one onion of that tor.
    """
    key = str(tmp_path / "key")
    one, other = (listen(memory_reactor, port=port, key=key) for port in (1, 2))
    assert one.getHost().label == other.getHost().label
    memory_reactor.resultOf(one.stopListening())
    assert echoes(memory_reactor, dial(memory_reactor, other.getHost()))
    with pytest.raises(ConnectionRefused):
        dial(memory_reactor, one.getHost())
    memory_reactor.resultOf(other.stopListening())


def test_reactorsEnd(memory_reactor: MemoryReactor, running: FakeTor) -> None:
    """
    At the program's end the onion goes, and the tor lives on.
    """
    listen(memory_reactor)
    assert len(running.onions.services) == 1
    memory_reactor.stop()
    memory_reactor.advance(0)
    assert running.alive
    assert not running.onions.services


def test_noSocksPort(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A dial through a tor without a SOCKS port says what that tor needs.
    """
    fake_network.startTor("/nowhere", {"ControlPort": "9051", "SocksPort": "0"})
    port = listen(memory_reactor)
    with pytest.raises(NoSocksPort, match='"SocksPort 9050"'):
        dial(memory_reactor, port.getHost())
    memory_reactor.resultOf(port.stopListening())


def test_plainErrors(memory_reactor: MemoryReactor, running: FakeTor) -> None:
    """
    A SOCKS port without ExtendedErrors says less, and what it says is understood.
    """
    running.on("SOCKS CONNECT", Refuse(4))
    port = listen(memory_reactor)
    with pytest.raises(DialTimeout, match="lacks ExtendedErrors"):
        dial(memory_reactor, port.getHost())
    memory_reactor.resultOf(port.stopListening())


def test_lostWhileListening(memory_reactor: MemoryReactor, running: FakeTor) -> None:
    """
    When the control connection ends while it is told of an onion, we connect again, and listen.
    """
    running.on("ADD_ONION", Drop(), times=1)
    memory_reactor.resultOf(begin(memory_reactor), seconds=10)
    assert len(running.sessions) == 1
