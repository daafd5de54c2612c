# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Onions that let in only some, and only so many, with tors in memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import capturedLogs

from onionp2p import DialOptions, ListenOptions, OnionClientEndpoint, OnionServerEndpoint
from onionp2p.clients.keys import ClientKeyFile
from onionp2p.clients.listfile import ClientsFile
from onionp2p.clients.x25519 import ClientKey
from onionp2p.errors import (
    ClientAuthRefused,
    ClientAuthRequired,
    ClientsFileError,
    OnionTermsDiffer,
)
from onionp2p.listening.listen import OnionPort
from onionp2p.options import Admission, TorOptions
from onionp2p.testing import FakeNetwork, MemoryReactor, RecordingFactory
from onionp2p.testing.faketor import Refuse

ALICE, BOB = (ClientKey(bytes([number] * 32)) for number in (1, 2))


class Rig:
    """
    A listener that lets in Alice.
    """

    def __init__(self, reactor: MemoryReactor, network: FakeNetwork, folder: Path) -> None:
        self.reactor = reactor
        self.network = network
        self.folder = folder
        self.path = folder / "clients"
        self.file = ClientsFile(str(self.path))
        self.file.add("alice", ALICE.public)
        self.factory = RecordingFactory(echoes=True)
        self.ports: list[OnionPort] = []

    def listen(self, port: int = 7777, **options: Any) -> OnionPort:
        """
        Listen.
        """
        admission = Admission(clients=str(self.path))
        wanted = ListenOptions(port, **{"admission": admission, **options})
        listening = OnionServerEndpoint(self.reactor, wanted).listen(self.factory)
        result = self.reactor.resultOf(listening)
        assert isinstance(result, OnionPort)
        self.ports.append(result)
        return result

    def dial(self, port: OnionPort, key: ClientKey | None = ALICE, again: str = "") -> Any:
        """
        Connect to it, each by a tor of his own.

        @param again: for another tor than before, which has seen no descriptor yet.
        """
        auth = None
        if key is not None:
            auth = str(self.folder / f"{key.public}.key")
            if not os.path.exists(auth):
                ClientKeyFile(key).save(auth)
        whose = "nobody" if key is None else key.public
        tor = TorOptions(state=str(self.folder / (whose + again)))
        options = DialOptions(port.getHost(), auth=auth, isolate="dial", tor=tor)
        connecting = OnionClientEndpoint(self.reactor, options).connect(RecordingFactory())
        return self.reactor.resultOf(connecting)

    def change(self) -> list[Any]:
        """
        Let the listener notice that the file has changed, and give what it logs.
        """
        with capturedLogs() as events:
            self.reactor.advance(2)
            self.reactor.advance(2)  # and it is the same still
        return [event for event in events if "Watch" in event.get("log_namespace", "")]


@pytest.fixture
def rig(memory_reactor: MemoryReactor, fake_network: FakeNetwork, tmp_path: Path) -> Iterator[Rig]:
    """
    A listener that lets in Alice.
    """
    rig = Rig(memory_reactor, fake_network, tmp_path)
    yield rig
    for port in rig.ports:
        memory_reactor.resultOf(port.stopListening())


circuits = pytest.mark.parametrize("circuits", [False, True])


@circuits
def test_letIn(rig: Rig, circuits: bool) -> None:
    """
    Who is on the list gets in, and nobody else.
    """
    port = rig.listen(circuits=circuits)
    rig.dial(port)
    with pytest.raises(ClientAuthRequired):
        rig.dial(port, None)
    with pytest.raises(ClientAuthRefused):
        rig.dial(port, BOB)


def test_numberIsTold(rig: Rig) -> None:
    """
    The log tells how many may enter, at the start and after each change.
    """
    with capturedLogs() as events:
        rig.listen()
    rig.file.add("bob", BOB.public)
    told = [event["count"] for event in [*events, *rig.change()] if "may enter" in str(event)]
    assert told == [1, 2]


@circuits
def test_invited(rig: Rig, circuits: bool) -> None:
    """
    Who is put on the list gets in 2 s later; those who are in notice nothing.
    """
    port = rig.listen(circuits=circuits)
    alice = rig.dial(port)
    rig.file.add("bob", BOB.public)
    rig.change()
    rig.dial(port, BOB)
    alice.transport.write(b"still here")
    rig.reactor.advance(0)
    assert alice.received == b"still here"


@circuits
def test_revoked(rig: Rig, circuits: bool) -> None:
    """
    Who is taken off the list gets in no more.  The connections that he has live on; with circuits
    told apart all are ended, since tor does not tell which are his.
    """
    rig.file.add("bob", BOB.public)
    port = rig.listen(circuits=circuits)
    alice, bob = rig.dial(port), rig.dial(port, BOB)
    rig.file.remove("bob")
    rig.change()
    rig.reactor.advance(0)
    assert [alice.lost is not None, bob.lost is not None] == [circuits, circuits]
    with pytest.raises(ClientAuthRefused):
        rig.dial(port, BOB)
    rig.dial(port)


@circuits
def test_nobody(rig: Rig, circuits: bool) -> None:
    """
    A list of nobody lets in nobody, from the beginning or later.
    """
    rig.path.write_text("# nobody\n")
    port = rig.listen(circuits=circuits)
    with pytest.raises(ClientAuthRefused):
        rig.dial(port)
    with pytest.raises(ClientAuthRequired):
        rig.dial(port, None)
    rig.file.add("alice", ALICE.public)
    rig.change()
    rig.dial(port, again="now")
    rig.file.remove("alice")
    rig.change()
    with pytest.raises(ClientAuthRefused):
        rig.dial(port, again="later")


@pytest.mark.parametrize("fault", ["gone", "garbage", "folder", "writable", "huge"])
def test_broken(rig: Rig, fault: str) -> None:
    """
    While the file can't be read or understood the former list stays in force, which is said once.
    """
    port = rig.listen()
    rig.path.unlink()
    if fault == "folder":
        rig.path.mkdir()
    elif fault != "gone":
        rig.path.write_text("nonsense" if fault == "garbage" else "x" * 100_000)
        rig.path.chmod(0o666 if fault == "writable" else 0o600)
    events = rig.change()
    assert [event["log_level"].name for event in events] == ["error"]
    assert "former list stays in force" in events[0]["log_format"]
    assert str(rig.path) in str(events[0]["error"])
    assert rig.change() == []
    rig.dial(port)
    with pytest.raises(ClientAuthRefused):
        rig.dial(port, BOB)


def test_refusedChange(rig: Rig) -> None:
    """
    When tor refuses a list the former one stays in force, and that is said.
    """
    port = rig.listen()
    rig.file.add("bob", BOB.public)
    rig.network.on("ADD_ONION", Refuse(551, "no luck today"), times=1)
    (event,) = rig.change()
    assert "no luck today" in str(event["error"])
    rig.dial(port)
    with pytest.raises(ClientAuthRefused):
        rig.dial(port, BOB)


@pytest.mark.parametrize("fault", ["gone", "garbage"])
def test_brokenAtFirst(rig: Rig, fault: str) -> None:
    """
    With a file that can't be used from the beginning, listen() fails, and no tor is launched.
    """
    rig.path.unlink()
    if fault == "garbage":
        rig.path.write_text("nonsense")
    with pytest.raises(ClientsFileError, match=str(rig.path)):
        rig.listen()
    assert rig.network.tors == []


def test_severalPorts(rig: Rig) -> None:
    """
    A list is for the whole onion; a second port can't have another.
    """
    key = str(rig.folder / "key")
    ports = [rig.listen(7777, key=key), rig.listen(8888, key=key)]
    with pytest.raises(OnionTermsDiffer):
        rig.listen(9999, key=key, admission=Admission())
    rig.file.add("bob", BOB.public)
    rig.change()
    for port in ports:
        rig.dial(port, BOB)
    rig.reactor.resultOf(ports[0].stopListening())
    rig.file.remove("bob")
    rig.change()
    with pytest.raises(ClientAuthRefused):
        rig.dial(ports[1], BOB)


def test_stopped(rig: Rig) -> None:
    """
    Once the listener has stopped nobody looks at the file any more.
    """
    port = rig.listen()
    rig.reactor.resultOf(port.stopListening())
    rig.reactor.advance(60)
    assert rig.reactor.leftovers() == []


def test_mostConnections(rig: Rig) -> None:
    """
    With maxconnections= those beyond are closed at once; when one has ended there is room again.
    """
    port = rig.listen(admission=Admission(), maxConnections=2)
    first, second, third = [rig.dial(port, None) for _ in range(3)]
    rig.reactor.advance(0)
    assert [each.lost is not None for each in (first, second, third)] == [False, False, True]
    assert len(rig.factory.addresses) == 2
    first.transport.loseConnection()
    rig.reactor.advance(0)
    fourth = rig.dial(port, None)
    rig.reactor.advance(0)
    assert fourth.lost is None


@circuits
def test_proofOfWork(rig: Rig, circuits: bool) -> None:
    """
    By default there is proof of work.
    """
    port = rig.listen(circuits=circuits, admission=Admission())
    service = rig.network.tors[0].onions.services[port.getHost().label]
    assert next(iter(service.pow.values())) == 1
