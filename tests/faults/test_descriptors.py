# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
This process may open no more descriptors.
"""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from onionp2p import DialOptions, ListenOptions, OnionClientEndpoint, OnionServerEndpoint, Wait
from onionp2p.errors import DialTimeout, KeyFileError, TooManyOpenFiles
from onionp2p.events import Cause, Event, Reachable, Repairing, Retrying, Unreachable
from onionp2p.options import TorOptions
from onionp2p.testing import FakeNetwork, RecordingFactory

VISITORS = 60


@contextmanager
def noMore(most: int = 0) -> Iterator[None]:
    """
    Let this process open no more than a few more descriptors.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as held:
        # The limit is one of numbers, so the free ones below it are taken first.
        top = max(map(int, os.listdir("/dev/fd"))) + 1
        while (descriptor := os.open(os.devnull, os.O_RDONLY)) < top:
            held.callback(os.close, descriptor)
        os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptor + most, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest_twisted.async_yield_fixture  # type: ignore[untyped-decorator]
async def network(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeNetwork]:
    """
    Fake tors on real sockets.
    """
    from twisted.internet import reactor

    with TemporaryDirectory(prefix="faults-") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        async with FakeNetwork(reactor) as network:
            yield network


class Listener:
    """
    A listener on real sockets, which greets.
    """

    def __init__(self, network: FakeNetwork, **options: Any) -> None:
        self._network = network
        self._options = options
        self.told: list[Event] = []
        self.factory = RecordingFactory(greeting=b"hello")

    async def listen(self) -> None:
        """
        Begin.
        """
        from twisted.internet import reactor

        options = ListenOptions(7777, **self._options)
        endpoint = OnionServerEndpoint(reactor, options, self.told.append)
        port: Any = await endpoint.listen(self.factory)
        self.port, label = port, port.getHost().label
        tors = [tor for tor in self._network.tors if label in tor.onions.services]
        (target,) = tors[0].onions.services[label].targets.values()
        self.path = target.removeprefix("unix:")

    def visit(self) -> socket.socket:
        """
        Come, as tor does, and be put into the queue of those whom nobody has accepted yet.
        """
        visitor = socket.socket(socket.AF_UNIX)
        visitor.connect(self.path)
        visitor.setblocking(False)
        return visitor


async def turns(count: int = 20) -> None:
    """
    Let the reactor run a little.
    """
    from twisted.internet import reactor

    for _ in range(count):
        await deferLater(reactor, 0)


def answerTo(visitor: socket.socket) -> bytes | None:
    """
    Give what a visitor has got: nothing yet is L{None}, the end nothing.
    """
    try:
        return visitor.recv(100)
    except ConnectionResetError:  # what he said first was not read
        return b""
    except BlockingIOError:
        return None


@pytest.mark.parametrize("circuits", [False, True], ids=["memory", "folder"])
async def test_accepting(network: FakeNetwork, circuits: bool) -> None:
    """
    When more come than there are descriptors, the first are served, the others are turned away at
    once, and nobody is kept waiting; those who come when there are some again are served.
    """
    listener = Listener(network, circuits=circuits, watch=None)
    await listener.listen()
    header = b"PROXY TCP6 fc00:dead:beef:4dad::0:47 ::1 71 7777\r\n" if circuits else b""
    visitors = [listener.visit() for _ in range(VISITORS)]
    for visitor in visitors:
        visitor.send(header)
    with noMore(5):
        await turns()
        answers = [answerTo(visitor) for visitor in visitors]
        assert set(answers) == {b"hello", b""}
        assert 4 <= answers.count(b"hello") <= 6
        for visitor in visitors:
            visitor.close()
        await turns()
        for _ in range(3):
            late = listener.visit()
            late.send(header)
            await turns()
            assert answerTo(late) == b"hello"
            late.close()
        await turns()
    await listener.port.stopListening()


@pytest.mark.parametrize(
    "ours",
    [True, pytest.param(False, marks=pytest.mark.allow_loopback)],
    ids=["our tor", "control="],
)
async def test_dialing(network: FakeNetwork, ours: bool) -> None:
    """
    A dial that finds no descriptor left says so, tries again, and comes through once there is one;
    or fails, when its time is up, by an error that says what to do.
    """
    from twisted.internet import reactor

    tor = TorOptions()
    if not ours:
        other = network.startTor("/nowhere", {"ControlPort": "auto", "SocksPort": "auto"})
        (name,) = other.doors.names("ControlPort")
        tor = TorOptions(control=int(name.rpartition(":")[2]))
    listener = Listener(network)
    await listener.listen()
    told: list[Event] = []

    def dial(timeout: float) -> Deferred[Any]:
        options = DialOptions(listener.port.getHost(), timeout=timeout, tor=tor)
        return OnionClientEndpoint(reactor, options, told.append).connect(RecordingFactory())

    (await dial(5)).transport.abortConnection()
    await turns()  # until what it had is free
    with noMore():
        waiting = dial(5)
        with pytest.raises(DialTimeout, match="may open no more sockets"):
            await dial(0.1)
    (await waiting).transport.abortConnection()
    errors = [event.error for event in told if isinstance(event, Retrying)]
    assert {type(error) for error in errors} == {TooManyOpenFiles}
    await listener.port.stopListening()


async def test_watching(network: FakeNetwork) -> None:
    """
    A probe that finds none says so; nothing is repaired for that, and the watch goes on.
    """
    listener = Listener(network, watch=0.05, wait=Wait.REACHABLE)
    await listener.listen()
    await turns()  # until what the first probe had is free
    with noMore():
        # At the second failure in a row, what is ours would be repaired.
        while sum(isinstance(event, Unreachable) for event in listener.told) < 3:
            await turns(1)
    del listener.told[:1]
    seen = len(listener.told)
    while not any(isinstance(event, Reachable) for event in listener.told[seen:]):
        await turns(1)
    causes = {event.cause for event in listener.told if isinstance(event, Unreachable)}
    assert causes == {Cause.TOO_MANY_FILES}
    assert not any(isinstance(event, Repairing) for event in listener.told)
    await listener.port.stopListening()


async def test_listening(network: FakeNetwork, tmp_path: Any) -> None:
    """
    listen() fails, says why, and leaves nothing; later it works.
    """
    first = Listener(network)
    await first.listen()
    listener = Listener(network, key=str(tmp_path / "key"))
    with noMore(), pytest.raises(KeyFileError, match=r"key\.lock: Too many open files"):
        await listener.listen()
    assert os.listdir(tmp_path) == []
    await listener.listen()
    await listener.port.stopListening()
    await first.port.stopListening()
