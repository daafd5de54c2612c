# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A program with listeners, and strangers who dial them, to see what becomes of both.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort, IProtocol

from onionp2p import DialOptions, ListenOptions, OnionClientEndpoint, OnionServerEndpoint
from onionp2p.events import Event, Progress
from onionp2p.listening.listen import OnionPort
from onionp2p.options import TorOptions
from onionp2p.testing import FakeNetwork, FakeTor, MemoryReactor, RecordingFactory

SYSTEM = "/system/control"
"""Where the system's tor is controlled."""

STRANGERS = TorOptions(state="/stranger")
"""Another tor than that of the listeners."""


class Listener:
    """
    A listener that echoes, and what was told of it.
    """

    def __init__(self, reactor: MemoryReactor, number: int, **options: Any) -> None:
        self._reactor = reactor
        self.factory = RecordingFactory(echoes=True)
        self.told: list[Event] = []
        endpoint = OnionServerEndpoint(reactor, ListenOptions(number, **options), self._note)
        self.listening: Deferred[IListeningPort] = endpoint.listen(self.factory)

    def _note(self, event: Event) -> None:
        if not isinstance(event, Progress):
            self.told.append(event)

    def kinds(self) -> list[type[Event]]:
        """
        What was told, by kind.
        """
        return [type(event) for event in self.told]

    @property
    def port(self) -> OnionPort:
        """
        What listen() gave, or gives within its time.
        """
        port = self._reactor.resultOf(self.listening)
        assert isinstance(port, OnionPort)
        self.listening = Deferred()
        self.listening.callback(port)
        return port

    def stop(self) -> None:
        """
        Listen no more.
        """
        self._reactor.resultOf(self.port.stopListening())


class Program:
    """
    The program, and the tors around it.
    """

    def __init__(self, reactor: MemoryReactor, network: FakeNetwork, folder: Path) -> None:
        """
        @param folder: for the key.
        """
        self.reactor = reactor
        self.network = network
        self.folder = folder
        self.key = str(folder / "key")
        self._systems: list[FakeTor] = []

    def serving(self, listener: Listener) -> FakeTor | None:
        """
        Give the tor that serves a listener's onion now.
        """
        label = listener.port.getHost().label
        tors = [*self.network.tors, *self._systems]
        return next((tor for tor in tors if label in tor.onions.services), None)

    def startSystemTor(self, folder: str = "/system", **torrc: str) -> FakeTor:
        """
        Start the tor that C{control=} leads to.
        """
        sockets = {"ControlPort": f"unix:{SYSTEM}", "SocksPort": "unix:/system/socks"}
        self._systems.append(self.network.startTor(folder, {**sockets, **torrc}))
        return self._systems[-1]

    def listen(self, number: int = 7777, **options: Any) -> Listener:
        """
        Begin to listen.
        """
        return Listener(self.reactor, number, **options)

    def dial(
        self, port: OnionPort, timeout: float = 120, tor: TorOptions = STRANGERS
    ) -> Deferred[IProtocol]:
        """
        Begin to dial, as a stranger does.
        """
        options = DialOptions(port.getHost(), timeout=timeout, tor=tor, isolate="dial")
        return OnionClientEndpoint(self.reactor, options).connect(RecordingFactory())

    def connect(self, port: OnionPort, timeout: float = 120) -> Any:
        """
        Dial, and give the dialer's protocol.
        """
        return self.reactor.resultOf(self.dial(port, timeout))

    def echoes(self, protocol: Any, data: bytes = b"still there?") -> bool:
        """
        Tell whether what is sent comes back.
        """
        before = len(protocol.received)
        protocol.transport.write(data)
        self.reactor.advance(1)
        return bool(protocol.received[before:] == data)

    def reaches(self, port: OnionPort, timeout: float = 120) -> bool:
        """
        Tell whether a stranger who dials now comes through, and is answered.
        """
        protocol = self.connect(port, timeout)
        answered = self.echoes(protocol)
        protocol.transport.abortConnection()
        self.reactor.advance(0)
        return answered

    def isGone(self) -> bool:
        """
        Tell whether nothing is left of all listeners, and of our tors neither, a minute later.
        """
        tors = self.network.tors
        onions = [tor.onions.services for tor in tors if not tor.frozen]
        files = os.listdir(self.folder)
        self.reactor.advance(75)
        isQuiet = not any(tor.alive for tor in tors) and self.reactor.leftovers() == []
        return isQuiet and not any(onions) and files in ([], ["key"])

    def wait(self, until: Callable[[], bool], seconds: float = 600) -> None:
        """
        Let time pass until something holds.
        """
        end = self.reactor.seconds() + seconds
        while not until():
            assert self.reactor.seconds() < end, "it never came"
            self.reactor.advance(1)


@pytest.fixture
def program(memory_reactor: MemoryReactor, fake_network: FakeNetwork, tmp_path: Path) -> Program:
    """
    A program, in memory.
    """
    return Program(memory_reactor, fake_network, tmp_path)
