# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The disk is full: at whichever moment, and until there is space again.
"""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.error import CannotListenError
from twisted.python.failure import Failure

from onionp2p.clients.listfile import ClientsFile
from onionp2p.clients.x25519 import ClientKey
from onionp2p.errors import KeyFileError, StateDirectoryError, TorError
from onionp2p.keys.files import loadIdentity
from onionp2p.options import Admission
from onionp2p.tor.rundir import RunDirectory
from onionp2p.tor.state import StateDirectory

WRITING = ["open", "write", "ftruncate", "fsync", "link", "rename", "mkdir"]
"""What the system refuses when a disk is full."""


class Disk:
    """
    A disk with room for some changes.

    @ivar folders: those that were made while it had room for few.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folders: list[str] = []
        self._monkeypatch = monkeypatch

    @contextmanager
    def full(self, after: int = 0) -> Iterator[list[str]]:
        """
        Have all changes but the first few fail.

        @return: the names of those that were made.
        """
        made: list[str] = []

        def limited(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **options: Any) -> Any:
                if name == "open" and not args[1] & os.O_CREAT:
                    return real(*args, **options)
                if len(made) >= after:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                made.append(name)
                if name == "mkdir":
                    self.folders.append(args[0])
                return real(*args, **options)

            return call

        with self._monkeypatch.context() as patched:
            for name in WRITING:
                patched.setattr(os, name, limited(name, getattr(os, name)))
            yield made


@contextmanager
def smallFiles(longest: int) -> Iterator[None]:
    """
    Have the system itself keep every file from growing beyond so many bytes.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (longest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """
    A disk that is not full yet.
    """
    return Disk(monkeypatch)


def test_keyNotSaved(program: Any, disk: Disk) -> None:
    """
    Wherever in the saving of a key the disk is full, listen() says which file, and no half of it is
    left; once there is space, it works.  A key that was saved wholly is the one that is used then.
    """
    for changes in count():
        with disk.full(after=changes) as made:
            listener = program.listen(key=program.key)
            program.reactor.advance(0)
            if "link" in made and "fsync" in made[made.index("link") :]:
                break
            with pytest.raises(KeyFileError, match=f"{program.folder}/key.*No space left"):
                program.reactor.resultOf(listener.listening, seconds=0)
        left = os.listdir(program.folder)
        assert left in ([], ["key"])
        saved = loadIdentity(program.key).label if left else None
        again = program.listen(key=program.key)
        assert saved in {None, again.port.getHost().label}
        again.stop()
        os.unlink(program.key)
        assert changes < 20
    assert changes > 4


@pytest.mark.parametrize("longest", [0, 10, 100])
def test_keyNotSavedBySystem(program: Any, longest: int) -> None:
    """
    The same where the system itself refuses, all of a file or what does not fit.
    """
    with smallFiles(longest):
        listener = program.listen(key=program.key)
        with pytest.raises(CannotListenError, match=str(program.folder)):
            program.reactor.resultOf(listener.listening, seconds=0)
    assert os.listdir(program.folder) == []
    assert program.reaches(program.listen(key=program.key).port)


def test_keyIsNeverLost(program: Any, disk: Disk) -> None:
    """
    A key that is there outlives every failure: it is only read.
    """
    before = program.listen(key=program.key)
    address = before.port.getHost()
    before.stop()
    content = Path(program.key).read_bytes()
    for changes in range(4):  # the lock: made, emptied, written
        with disk.full(after=changes):
            listener = program.listen(key=program.key)
            program.reactor.advance(0)
        failures: list[Failure] = []
        listener.listening.addErrback(failures.append)
        assert [failure.type for failure in failures] == [KeyFileError] * (changes < 3)
        assert Path(program.key).read_bytes() == content
    listener.stop()
    again = program.listen(key=program.key)
    assert again.port.getHost() == address


def test_noFolderForSockets(disk: Disk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    Where the folder of the sockets can't be made, that is said, with the reason, and no part of it
    is left in any place.
    """
    for name in ("XDG_RUNTIME_DIR", "TMPDIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for changes in range(3):
        with disk.full(after=changes), pytest.raises(TorError, match="No space left"):
            RunDirectory()
        assert os.listdir(tmp_path) == []
    assert disk.folders
    assert not any(map(os.path.exists, disk.folders))
    RunDirectory().remove()


def test_noStateDirectory(disk: Disk, tmp_path: Path) -> None:
    """
    A state directory that can't be made or locked is named, with the reason; once there is space,
    it is there, and nobody holds its lock.
    """
    path = tmp_path / "state"
    for changes in range(5):
        with disk.full(after=changes) as made:
            if changes == 4:  # the folder, and its lock: made, emptied, written
                StateDirectory.find(str(path)).release()
                break
            with pytest.raises(StateDirectoryError, match=f"{path}: No space left"):
                StateDirectory.find(str(path))
        assert len(made) == changes
    StateDirectory.find(str(path)).release()
    assert os.listdir(path) == []


@pytest.mark.parametrize("circuits", [False, True], ids=["memory", "folder"])
def test_torComesBackOnAFullDisk(program: Any, disk: Disk, *, circuits: bool) -> None:
    """
    Where the disk is full when the next tor starts, the onion is served as soon as there is space.
    """
    listener = program.listen(circuits=circuits)
    port = listener.port
    program.serving(listener).die()
    with disk.full():
        program.reactor.advance(200)
    assert program.reaches(port, timeout=200)


def test_clientsNotWritten(program: Any, tmp_path: Path) -> None:
    """
    Where the disk is full when somebody is invited, those who may enter are as before; no half of
    a key is left, which would keep him out for good.
    """
    clients = ClientsFile(str(tmp_path / "clients"))
    alice, bob, carol = (ClientKey(bytes([number] * 32)).public for number in (1, 2, 3))
    clients.add("alice", alice)
    admission = Admission(clients=str(tmp_path / "clients"))
    listener = program.listen(circuits=True, admission=admission)
    label = listener.port.getHost().label
    tor = program.serving(listener)
    folder = Path(tor.onions.services[label].folder) / "authorized_clients"
    before = sorted(folder.iterdir())
    clients.add("bob", bob)
    with smallFiles(10):
        program.reactor.advance(5)
    assert sorted(folder.iterdir()) == before
    assert alice in tor.onions.services[label].clients
    assert bob not in tor.onions.services[label].clients
    clients.add("carol", carol)
    program.reactor.advance(5)
    assert {alice, bob, carol} < tor.onions.services[label].clients
    listener.stop()
