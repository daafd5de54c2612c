# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Tor's state directory and run directory, and the tor program.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from onionp2p.errors import StateDirectoryError, StateInUse, TorError, TorNotFound, TorTooOld
from onionp2p.local.folders import runtimeFolders, stateFolder
from onionp2p.tor.program import checkVersion, findTor
from onionp2p.tor.rundir import RunDirectory
from onionp2p.tor.state import StateDirectory


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """
    An empty folder where run directories are made.
    """
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def test_stateIsPrivate(tmp_path: Path) -> None:
    """
    A state directory is made where there is none, and is its owner's alone.
    """
    state = StateDirectory.find(str(tmp_path / "a" / "b"))
    assert stat.S_IMODE(os.stat(state.path).st_mode) == 0o700
    state.release()


def test_aNamedStateIsUsedOnce(tmp_path: Path) -> None:
    """
    Who asks for a directory that is in use is told by whom.
    """
    path = str(tmp_path / "state")
    state = StateDirectory.find(path)
    with pytest.raises(StateInUse, match=f"process {os.getpid()}"):
        StateDirectory.find(path)
    state.release()
    StateDirectory.find(path).release()


def test_theFirstFreeStateIsFound(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    Several programs of one user get a directory each, and each start finds an old one.
    """
    monkeypatch.setenv("ONIONP2P_STATE", str(tmp_path))
    first, second = StateDirectory.find(None), StateDirectory.find(None)
    assert [first.path, second.path] == [f"{tmp_path}/tor-1", f"{tmp_path}/tor-2"]
    first.release()
    again = StateDirectory.find(None)
    assert again.path == first.path
    again.release()
    second.release()


def test_foldersOfAService(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    A service has its guards and sockets in the first of the folders that systemd gives it, unless
    $ONIONP2P_STATE says otherwise.
    """
    monkeypatch.delenv("ONIONP2P_STATE", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("STATE_DIRECTORY", f"{tmp_path}/lib:{tmp_path}/more")
    monkeypatch.setenv("RUNTIME_DIRECTORY", f"{tmp_path}/run:{tmp_path}/more")
    (tmp_path / "run").mkdir()
    state, run = StateDirectory.find(None), RunDirectory()
    assert state.path == f"{tmp_path}/lib/onionp2p/tor-1"
    assert os.path.dirname(run.path) == f"{tmp_path}/run"
    state.release()
    run.remove()
    monkeypatch.setenv("ONIONP2P_STATE", f"{tmp_path}/ours")
    assert stateFolder() == f"{tmp_path}/ours"


def test_foldersOfAnotherUsersService(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    After C{twistd --uid} the folders that systemd gave root are not ours; nor are relative ones.
    """
    monkeypatch.delenv("ONIONP2P_STATE", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    for folder in ("/proc", "relative", ""):
        monkeypatch.setattr(
            "onionp2p.local.folders._isOurs", lambda path: path.startswith(str(tmp_path))
        )
        monkeypatch.setenv("STATE_DIRECTORY", folder)
        monkeypatch.setenv("RUNTIME_DIRECTORY", folder)
        assert stateFolder() == f"{tmp_path}/xdg/onionp2p"
        assert next(runtimeFolders()) == str(tmp_path)


def test_aForeignTorIsLeftAlone(tmp_path: Path) -> None:
    """
    A directory that a tor has locked is in use, though its owner is gone.
    """
    with open(tmp_path / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StateInUse, match="not ours"):
            StateDirectory.find(str(tmp_path))
    StateDirectory.find(str(tmp_path)).release()


def test_stateMayNotBeAFile(tmp_path: Path) -> None:
    """
    A path that can't be a directory is refused with the reason.
    """
    (tmp_path / "file").touch()
    with pytest.raises(StateDirectoryError, match="file"):
        StateDirectory.find(str(tmp_path / "file"))


def test_runDirectoryIsPrivateAndGoes(temporary: Path) -> None:
    """
    A run directory is its owner's alone, has a path for every socket, and leaves nothing.
    """
    run = RunDirectory()
    assert os.path.dirname(run.path) == str(temporary)
    assert stat.S_IMODE(os.stat(run.path).st_mode) == 0o700
    assert len({run.socksPath, run.newTargetPath(), run.newTargetPath()}) == 3
    open(run.socksPath, "w").close()
    run.remove()
    assert list(temporary.iterdir()) == []


def test_whatTheKilledLeftIsSwept(temporary: Path) -> None:
    """
    The next run directory sweeps those whose processes are gone, and no others.
    """
    script = """
import os
from onionp2p.tor.rundir import RunDirectory
open(RunDirectory().socksPath, "w").close()
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", script], check=False)
    (temporary / "onionp2p-mine").mkdir()
    assert len(list(temporary.iterdir())) == 2
    alive = RunDirectory()
    another = RunDirectory()
    assert {str(path) for path in temporary.iterdir()} == {
        str(temporary / "onionp2p-mine"),
        alive.path,
        another.path,
    }
    alive.remove()
    another.remove()


def test_lostRunDirectoryIsRestored(temporary: Path) -> None:
    """
    One that somebody has removed is made again, as private as before, where others don't sweep it;
    not while the folder around it is gone, or where somebody else has put something.
    """
    run = RunDirectory()
    assert run.restore() is False
    for parent in (temporary, Path(run.path)):
        shutil.rmtree(parent)
        if parent is temporary:
            with pytest.raises(FileNotFoundError):
                run.restore()
            temporary.mkdir()
        assert run.restore() is True
        assert os.stat(run.path).st_mode & 0o777 == 0o700
        RunDirectory().remove()
        assert run.restore() is False
    shutil.rmtree(run.path)
    Path(run.path).symlink_to(temporary)
    with pytest.raises(FileExistsError):
        run.restore()
    os.unlink(run.path)
    run.remove()
    assert os.listdir(temporary) == []


def test_longPathsAreAvoided(monkeypatch: pytest.MonkeyPatch, temporary: Path) -> None:
    """
    Where $XDG_RUNTIME_DIR is too long or too strange for a socket's path, another folder is taken.
    """
    for name in ("x" * 80, "with space"):
        folder = temporary / name
        folder.mkdir()
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
        run = RunDirectory()
        assert not run.path.startswith(str(folder))
        assert len(run.newTargetPath()) <= 103
        run.remove()


def test_noPlaceForSockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where no folder will do, the user is told what to set.
    """
    monkeypatch.setattr("onionp2p.tor.rundir.runtimeFolders", lambda: iter(["/nonexistent"]))
    with pytest.raises(TorError, match="XDG_RUNTIME_DIR"):
        RunDirectory()


def test_torIsFound(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    tor=, $ONIONP2P_TOR and PATH name the program, in this order.
    """
    for name in ("a", "b", "tor"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("ONIONP2P_TOR", str(tmp_path / "b"))
    assert findTor(str(tmp_path / "a")) == str(tmp_path / "a")
    assert findTor(None) == str(tmp_path / "b")
    monkeypatch.delenv("ONIONP2P_TOR")
    assert findTor(None) == str(tmp_path / "tor")


def test_noTor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    Where there is no tor, the user is told how to install it.
    """
    monkeypatch.delenv("ONIONP2P_TOR", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("onionp2p.tor.program._FOLDERS", ())
    with pytest.raises(TorNotFound, match="apt install tor"):
        findTor(None)
    with pytest.raises(TorNotFound, match="is not a program"):
        findTor(str(tmp_path))


@pytest.mark.parametrize("version", ["0.4.7.16", "0.3.5.1-alpha", "0.2.9.14"])
def test_oldTors(version: str) -> None:
    """
    A tor before 0.4.8 is too old, and its version is told.
    """
    with pytest.raises(TorTooOld, match=version):
        checkVersion(f"Nov 22 13:59:45.402 [notice] Tor {version} running on Linux with Libevent")
    with pytest.raises(TorTooOld, match=rf"Tor version {version}\.$"):
        checkVersion(f"Tor version {version}.")


@pytest.mark.parametrize("version", ["0.4.8.0-alpha-dev", "0.4.9.11", "0.5.0.1", "1.0.0.0"])
def test_newTors(version: str) -> None:
    """
    Newer ones will do.
    """
    checkVersion(f"[notice] Tor {version} running on Linux")
    checkVersion(f"Tor version {version}.")
