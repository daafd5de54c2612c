# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Our socket where tor delivers: lost, and restored, on real sockets.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from pytest_twisted import blockon
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.selectreactor import SelectReactor

from onionp2p.address import OnionAddress, labelFromPublicKey
from onionp2p.events import Cause, Event, Repairing, Starting, Stopped, Unreachable
from onionp2p.listening.arrivals import Arrivals
from onionp2p.listening.lifetime import Lifetime
from onionp2p.listening.localport import LocalPort
from onionp2p.listening.targets import OURS
from onionp2p.local.places import Place, PortOrPath
from onionp2p.testing import RecordingFactory, RecordingProtocol

ONION = OnionAddress(labelFromPublicKey(bytes(32)), 7777)


class Listener:
    """
    Listens at a place.
    """

    def __init__(self, reactor: Any, where: PortOrPath, *, most: int = 0) -> None:
        self.reactor = reactor
        self.factory = RecordingFactory(echoes=True)
        self.told: list[Event] = []
        self.lifetime = Lifetime(reactor, ONION, self.told.append)
        self.lifetime.begin()
        arrivals = Arrivals(self.factory, ONION, None, most=most)
        self.local = LocalPort(reactor, Place.of(where), arrivals, OURS, self.lifetime)

    async def visit(self) -> RecordingProtocol:
        """
        Come to the place.
        """
        visitor = RecordingProtocol(RecordingFactory())
        await self.local.place.connect(self.reactor, visitor, 1)
        return visitor

    async def answers(self) -> bool:
        """
        Whether who comes to the place comes to the application.
        """
        visitor = await self.visit()
        visitor.transport.write(b"hello")
        answered = await visitor.receives(5) == b"hello"
        visitor.transport.abortConnection()
        return answered

    async def stop(self) -> None:
        """
        Listen no more.
        """
        await self.local.close()
        self.lifetime.end()


@pytest.fixture
def folder() -> Iterator[Path]:
    """
    Not tmp_path, which is often too long for sockets.
    """
    with tempfile.TemporaryDirectory(prefix="port-") as path:
        yield Path(path)


@pytest.fixture
def listener(request: pytest.FixtureRequest, folder: Path) -> Iterator[Listener]:
    """
    One that listens at a UNIX socket, or as the test says, for one visitor at a time.
    """
    from twisted.internet import reactor

    listener = Listener(reactor, getattr(request, "param", str(folder / "socket")), most=1)
    blockon(Deferred.fromCoroutine(listener.local.open()))
    yield listener
    blockon(Deferred.fromCoroutine(listener.stop()))
    assert listener.told[-1] == Stopped(ONION)
    assert (listener.factory.starts, listener.factory.stops) == (1, 1)


async def test_fileRemoved(listener: Listener, folder: Path) -> None:
    """
    A socket whose file somebody has removed is made anew: for the application's factory nothing
    begins or ends, connections live on, and limits stay.
    """
    first = await listener.visit()
    first.transport.write(b"one")
    await first.receives(3)
    os.unlink(folder / "socket")
    await listener.local.untilLost()
    await listener.local.restore()
    assert listener.local.isHere
    assert os.stat(folder / "socket").st_mode & 0o777 == OURS
    refused = await listener.visit()
    with pytest.raises(Exception, match="clean"):
        await refused.receives(1)
    first.transport.write(b"two")
    assert await first.receives(6) == b"onetwo"
    first.transport.loseConnection()
    with pytest.raises(Exception, match="clean"):
        await first.receives(7)
    assert await listener.answers()
    assert (listener.factory.starts, listener.factory.stops) == (1, 0)
    assert listener.told == [
        Starting(ONION),
        Unreachable(ONION, Cause.TARGET_DEAD),
        Repairing(ONION, "listening anew at our local socket"),
    ]


@pytest.mark.deadline(5)
async def test_anothersSocket(listener: Listener, folder: Path) -> None:
    """
    Where another program has taken the place, its socket is left alone, the event says so, and it
    is tried again until that program has gone.
    """
    path = folder / "socket"
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        inode = path.stat().st_ino
        restoring = Deferred.fromCoroutine(listener.local.restore())
        while len(listener.told) < 4:
            await listener.visit()  # is the other's
        other.setblocking(False)
        assert path.stat().st_ino == inode
    told = listener.told[3]
    assert isinstance(told, Unreachable)
    assert told.cause is Cause.TARGET_DEAD
    assert told.detail.startswith("Another program listens where")
    assert str(path) in told.detail
    await restoring
    assert await listener.answers()


async def test_anothersFileStays(listener: Listener, folder: Path) -> None:
    """
    In the end, a socket removes its own file and no other's.
    """
    path = folder / "socket"
    path.unlink()
    path.write_text("precious")
    await listener.local.close()
    assert path.read_text() == "precious"


async def test_stoppedWithoutFile(listener: Listener, folder: Path) -> None:
    """
    Where the file is gone, the end is as clean as ever: nothing stays open, and nothing is left.
    """
    (folder / "socket").unlink()
    before = len(os.listdir("/dev/fd"))
    await listener.local.close()
    assert len(os.listdir("/dev/fd")) == before - 1
    assert list(folder.iterdir()) == []


async def test_cancelled(listener: Listener, folder: Path) -> None:
    """
    Who stops while the socket is being restored leaves nothing.
    """
    (folder / "socket").unlink()
    restoring = Deferred.fromCoroutine(listener.local.restore())
    restoring.cancel()
    with pytest.raises(CancelledError):
        await restoring
    await listener.local.close()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("listener", [0], indirect=True)
async def test_portLost(listener: Listener) -> None:
    """
    A TCP port that the kernel has ended (C{ss -K}) is listened at again, with the same number.
    """
    from twisted.internet import reactor

    place = listener.local.place
    (port,) = [
        each
        for each in cast("Any", reactor).getReaders()
        if isinstance(getattr(each, "factory", None), Arrivals)
    ]
    port.socket.shutdown(socket.SHUT_RDWR)
    assert not listener.local.isHere
    await listener.local.restore()
    assert listener.local.place == place
    assert await listener.answers()


# At a program's end the reactor closes what listens, be it stopped or not.


@pytest.mark.parametrize("removed", [False, True])
@pytest.mark.parametrize("stopped", ["never", "before", "after"])
def test_reactorEnds(folder: Path, removed: bool, stopped: str) -> None:
    """
    A socket that the reactor closes at its end leaves nothing, whether its file is there or not,
    and whether the program stops it too, and when.
    """
    reactor: Any = SelectReactor()
    listener = Listener(reactor, str(folder / "socket"))
    begun: list[Deferred[None]] = []

    def begin() -> None:
        begun.append(Deferred.fromCoroutine(listener.local.open()))
        if removed:
            (folder / "socket").unlink()
        reactor.stop()

    def stop() -> Deferred[None]:
        begun.append(Deferred.fromCoroutine(listener.stop()))
        return begun[-1]

    if stopped != "never":
        reactor.addSystemEventTrigger(stopped, "shutdown", stop)
    reactor.callWhenRunning(begin)
    reactor.run(installSignalHandlers=False)
    assert list(folder.iterdir()) == []
    assert (listener.factory.starts, listener.factory.stops) == (1, 1)
    assert listener.told == [Starting(ONION), Stopped(ONION)]
    for left in reactor.removeAll():
        left.connectionLost(None)
