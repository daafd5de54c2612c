# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Listeners that outlive their tors: what only real ones show.
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import clientFromString, connectProtocol, serverFromString

from onionp2p import OnionAddress, TorOptions, shutdown
from onionp2p.events import (
    Event,
    Published,
    Reachable,
    Repairing,
    TorEnded,
    Unreachable,
    observe,
)
from onionp2p.listening import keptsocket
from onionp2p.listening.listen import OnionPort
from onionp2p.testing import RecordingFactory, RecordingProtocol
from onionp2p.tor import watchdog
from onionp2p.tor.pool import leaseTor


class Served:
    """
    A listener on a tor of its own, and what is told of it.
    """

    def __init__(self, state: Path) -> None:
        self._state = state
        self._told: list[tuple[type[Event], Deferred[Event]]] = []
        self._forget = observe(self._note)
        self.factory = RecordingFactory(greeting=b"hello")

    async def listen(self, options: str = "") -> None:
        """
        Begin.
        """
        string = f"onionp2p:listen:port=7777:state={self._state}{options}"
        self.port = await serverFromString(reactor, string).listen(self.factory)
        assert isinstance(self.port, OnionPort)
        self.address: OnionAddress = self.port.getHost()

    def _note(self, event: Event) -> None:
        for each in list(self._told):
            kind, waiting = each
            if isinstance(event, kind):
                self._told.remove(each)
                waiting.callback(event)

    def tells(self, kind: type[Event]) -> Deferred[Event]:
        """
        Give the next event of a kind.
        """
        waiting: Deferred[Event] = Deferred()
        self._told.append((kind, waiting))
        return waiting

    async def tor(self) -> int:
        """
        Give the process id of its tor.
        """
        lease = leaseTor(reactor, TorOptions(state=str(self._state)))
        tor: Any = await lease.launched()
        lease.release()
        return int(tor.pid)

    async def sockets(self) -> list[Path]:
        """
        Give the sockets to which its tor delivers.
        """
        lease = leaseTor(reactor, TorOptions(state=str(self._state)))
        tor: Any = await lease.launched()
        lease.release()
        return list(Path(tor.runDirectory.path).glob("onion-*"))

    async def enters(self) -> RecordingProtocol:
        """
        Dial it, by another tor.
        """
        string = f"onionp2p:dial:addr={self.address.hostname}:7777:isolate=dial"
        protocol = RecordingProtocol(RecordingFactory())
        await connectProtocol(clientFromString(reactor, string), protocol)
        assert await protocol.receives(5) == b"hello"
        return protocol

    async def greets(self) -> None:
        """
        Dial it, and leave again.
        """
        (await self.enters()).transport.abortConnection()

    async def end(self) -> None:
        """
        Leave nothing behind.
        """
        self._forget()
        await self.port.stopListening()
        await shutdown(reactor)


@pytest_twisted.async_yield_fixture  # type: ignore[untyped-decorator]
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    """
    A listener that is not there yet.
    """
    listener = Served(tmp_path / "state")
    yield listener
    await listener.end()


@pytest.mark.deadline(120)
@pytest.mark.parametrize("name", ["SIGKILL", pytest.param("SIGTERM", marks=pytest.mark.slow)])
async def test_torEnds(served: Served, name: str) -> None:
    """
    Whatever ends tor, the listener is back at the same address, and dialled, without a word from
    the program; a dial that is begun at once waits for it.
    """
    await served.listen()
    port, address = served.port, served.port.getHost()
    await served.greets()
    told = [served.tells(kind) for kind in (TorEnded, Unreachable, Published, Reachable)]
    os.kill(await served.tor(), getattr(signal, name))
    ended = await told[0]
    assert ("ended by signal 9" in str(ended)) is (name == "SIGKILL")
    await served.greets()
    await gatherResults(told)
    assert served.port is port
    assert served.port.getHost() == address


@pytest.mark.slow
@pytest.mark.deadline(120)
async def test_torFreezes(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A tor that is stopped is found out, ended and replaced.
    """
    monkeypatch.setattr(watchdog, "SECONDS_BETWEEN", 1.0)
    monkeypatch.setattr(watchdog, "SECONDS_TO_ANSWER", 1.0)
    await served.listen()
    told = [served.tells(kind) for kind in (TorEnded, Published)]
    frozen = await served.tor()
    os.kill(frozen, signal.SIGSTOP)
    await gatherResults(told)
    await served.greets()
    assert await served.tor() != frozen


async def test_hangUp(served: Served) -> None:
    """
    A tor that is told to read its configuration anew goes on, the onion with it.
    """
    await served.listen()
    before = await served.tor()
    os.kill(before, signal.SIGHUP)
    await served.greets()
    assert await served.tor() == before


@pytest.mark.slow
async def test_socketRemoved(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    When somebody has removed the socket to which tor delivers, dialers come in again within
    seconds; who was in stays.
    """
    monkeypatch.setattr(keptsocket, "SECONDS_BETWEEN_LOOKS", 0.1)
    await served.listen()
    guest = await served.enters()
    (path,) = await served.sockets()
    told = [served.tells(kind) for kind in (Unreachable, Repairing, Reachable)]
    path.unlink()
    await gatherResults(told)
    await served.greets()
    assert (served.factory.starts, guest.lost) == (1, None)
    guest.transport.abortConnection()


async def test_reachable(served: Served) -> None:
    """
    wait=reachable fires when our own dial came through, for which no protocol was built.
    """
    reached = served.tells(Reachable)
    await served.listen(":wait=reachable")
    assert reached.called
    assert served.factory.addresses == []
    await served.greets()


async def test_reachableByFewOnly(served: Served, tmp_path: Path) -> None:
    """
    The same for an onion that nobody else may enter, and for one that tells peers apart.
    """
    (tmp_path / "clients").touch(mode=0o600)
    await served.listen(f":wait=reachable:clients={tmp_path}/clients:circuits=yes")
    assert served.factory.addresses == []
