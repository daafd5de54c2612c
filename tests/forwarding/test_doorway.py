# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Places that are open at times, on real sockets of this machine.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import Factory, Protocol

from onionp2p.forwarding import Place, PlaceTaken
from onionp2p.forwarding.doorway import Doorway

pytestmark = pytest.mark.allow_loopback


class Guests(Factory):
    """
    Who comes in.
    """

    noisy = False
    protocol = Protocol


async def visit(place: Place) -> Protocol:
    """
    Come to a place.
    """
    guest = Protocol()
    await place.connect(reactor, guest, 1)
    return guest


async def leave(guest: Protocol) -> None:
    """
    Go again.
    """
    assert guest.transport is not None
    guest.transport.loseConnection()


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
async def test_port(host: str) -> None:
    """
    A free port is chosen once, and stays ours: shut, it refuses, and nobody else can have it.
    """
    doorway = Doorway(reactor, Place.fromString(f"tcp:{host}:0"), Guests())
    await doorway.hold()
    place = doorway.place
    assert place.port != 0
    try:
        for _ in range(3):
            with pytest.raises(ConnectionRefusedError):
                await visit(place)
            for reuse in (False, True):
                with pytest.raises(OSError, match="in use"), taken(place, reuse=reuse):
                    pass
            await doorway.open()
            states = [doorway.isOpen]
            guest = await visit(place)
            await doorway.shut()
            assert [*states, doorway.isOpen] == [True, False]
            assert doorway.place == place
            await leave(guest)
    finally:
        await doorway.close()
    with taken(place, reuse=True):
        pass


def taken(place: Place, *, reuse: bool = False) -> socket.socket:
    """
    Take a port.

    @param reuse: whether connections by it may be there still, or may have been a moment ago.
    """
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    other = socket.socket(family)
    try:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
        other.bind((place.host, place.port))
    except OSError:
        other.close()
        raise
    return other


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """
    Where a socket may be.
    """
    path = tmp_path / "s"
    yield path
    assert not path.exists()


async def test_path(path: Path) -> None:
    """
    A UNIX socket is for its owner alone, whatever the umask is; shut, it is not there.
    """
    doorway = Doorway(reactor, Place(path=str(path)), Guests())
    await doorway.hold()
    before = os.umask(0)
    try:
        for _ in range(2):
            assert not path.exists()
            await doorway.open()
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            guest = await visit(doorway.place)
            await doorway.shut()
            await leave(guest)
    finally:
        os.umask(before)
        await doorway.close()


async def test_deadSocket(path: Path) -> None:
    """
    The socket of a program that was killed is no obstacle.
    """
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    doorway = Doorway(reactor, Place(path=str(path)), Guests())
    await doorway.hold()
    await doorway.open()
    await leave(await visit(doorway.place))
    await doorway.close()


async def test_portTaken() -> None:
    """
    A port that another program has is refused at once, with what to do.
    """
    with socket.create_server(("127.0.0.1", 0)) as other:
        place = Place(host="127.0.0.1", port=other.getsockname()[1])
        doorway = Doorway(reactor, place, Guests())
        with pytest.raises(PlaceTaken, match="name another"):
            await doorway.hold()
        await doorway.close()


async def test_pathTaken(tmp_path: Path) -> None:
    """
    So is the socket of a program that runs, and a file that is none; both stay as they are.
    """
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        doorway = Doorway(reactor, Place(path=str(path)), Guests())
        with pytest.raises(PlaceTaken, match="Somebody listens at unix:"):
            await doorway.hold()
    (tmp_path / "file").write_text("precious")
    doorway = Doorway(reactor, Place(path=str(tmp_path / "file")), Guests())
    with pytest.raises(PlaceTaken, match="no socket"):
        await doorway.hold()
    assert (tmp_path / "file").read_text() == "precious"


async def test_takenMeanwhile(path: Path) -> None:
    """
    A path that another program takes while it is shut can't be opened, until it is gone again.
    """
    doorway = Doorway(reactor, Place(path=str(path)), Guests())
    await doorway.hold()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(PlaceTaken):
            await doorway.open()
        assert not doorway.isOpen
    await doorway.open()
    await doorway.close()


async def test_removed(path: Path) -> None:
    """
    A socket that somebody removes is missed, and so is one in whose place another one is.
    """
    doorway = Doorway(reactor, Place(path=str(path)), Guests())
    await doorway.hold()
    states = [doorway.isGone]
    await doorway.open()
    states.append(doorway.isGone)
    path.rename(path.parent / "elsewhere")
    states.append(doorway.isGone)
    path.touch()
    states.append(doorway.isGone)
    path.unlink()
    await doorway.shut()
    assert [*states, doorway.isGone] == [False, False, True, True, False]
    await doorway.open()
    await leave(await visit(doorway.place))
    await doorway.close()


async def test_portLost() -> None:
    """
    So is a port that the kernel has ended (C{ss -K}); it is opened again with the same number.
    """
    guests = Guests()
    doorway = Doorway(reactor, Place(), guests)
    await doorway.hold()
    await doorway.open()
    place = doorway.place
    readers: Any = reactor
    (port,) = [each for each in readers.getReaders() if getattr(each, "factory", None) is guests]
    port.socket.shutdown(socket.SHUT_RDWR)
    assert doorway.isGone
    await doorway.shut()
    await doorway.open()
    assert (doorway.isGone, doorway.place) == (False, place)
    await leave(await visit(place))
    await doorway.close()
