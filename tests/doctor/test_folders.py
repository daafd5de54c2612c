# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The folders for state and for sockets.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from onionp2p.doctor.finding import Finding, Level
from onionp2p.doctor.folders import checkRunFolder, checkState, holder
from onionp2p.tor.rundir import RunDirectory
from onionp2p.tor.state import StateDirectory


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """
    A folder where sockets may be, with a short path.
    """
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    with tempfile.TemporaryDirectory(prefix="doctor-") as path:
        monkeypatch.setenv("XDG_RUNTIME_DIR", path)
        monkeypatch.setattr("tempfile.tempdir", path)
        yield Path(path)


def state(path: Path) -> Finding:
    """
    Look at a folder that C{state=} names.
    """
    (found,) = checkState(str(path))
    return found


def test_notYet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A folder that can be made is well, and is not made.
    """
    monkeypatch.setenv("ONIONP2P_STATE", str(tmp_path / "a" / "b"))
    (found,) = checkState()
    assert found.level is Level.OK
    assert found.found == f"{tmp_path}/a/b (by $ONIONP2P_STATE), made at the first start"
    assert list(tmp_path.iterdir()) == []


def test_inUse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Who has a folder is told: a problem where that one is named, none where others are free.
    """
    monkeypatch.setenv("ONIONP2P_STATE", str(tmp_path))
    held = StateDirectory.find(None)
    (found,) = checkState()
    assert found.level is Level.OK
    assert found.found.endswith(f"; in use by process {os.getpid()}")
    taken = state(Path(held.path))
    assert taken.level is Level.PROBLEM
    assert taken.found == f"{held.path} is in use by process {os.getpid()}"
    held.release()
    assert state(Path(held.path)).level is Level.OK


@contextmanager
def killed(code: str) -> Iterator[None]:
    """
    Have a program do something, and be killed.
    """
    command = [sys.executable, "-c", f"{code}\nprint(1, flush=True)\nimport time\ntime.sleep(60)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        process.send_signal(signal.SIGKILL)
    yield


@pytest.mark.deadline(10)
def test_leftBehind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What a killed process has left is told, and is no trouble.
    """
    monkeypatch.setenv("ONIONP2P_STATE", str(tmp_path))
    with killed("from onionp2p.tor.state import StateDirectory as S; s = S.find(None)"):
        (found,) = checkState()
    assert found.level is Level.OK
    assert found.found.endswith("; 1 left by killed processes, which the next start takes")


def test_unwritable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A folder that can't be written to is a problem: of ours, a mode; of others, the wrong folder.
    """
    monkeypatch.setattr("os.access", lambda path, mode, **kind: False)
    found = state(tmp_path)
    assert found.level is Level.PROBLEM
    assert f"{tmp_path} can't be written to by " in found.found
    assert found.remedy == f"chmod u+rwx {tmp_path}"
    monkeypatch.setattr("os.statvfs", lambda path: SimpleNamespace(f_flag=os.ST_RDONLY))
    found = state(tmp_path)
    assert found.found == f"{tmp_path} is on a file system that is read-only"
    assert found.remedy.startswith("name a folder of your own")
    monkeypatch.undo()
    monkeypatch.setattr("os.access", lambda path, mode, **kind: False)
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    found = state(tmp_path / "new")
    assert (
        found.remedy == "name a folder of your own: ONIONP2P_STATE=DIR, or state=DIR in the string"
    )


def test_anothers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A folder of another user is a problem; the command that gives it to us is told.
    """
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    found = state(tmp_path)
    assert found.level is Level.PROBLEM
    assert f"{tmp_path} belongs to user " in found.found
    assert found.remedy.startswith(f"sudo chown -R 12345 {tmp_path}; ")


def test_noFolder(tmp_path: Path) -> None:
    """
    A file, or a way through one, is no folder.
    """
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        assert state(path).found == f"{tmp_path}/file is no folder"
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    assert state(tmp_path / "link").found == f"{tmp_path}/link: No such file or directory"


@pytest.mark.parametrize(
    ("changes", "level", "says"),
    [
        ({"f_flag": os.ST_RDONLY}, Level.PROBLEM, "read-only"),
        ({"f_bavail": 0}, Level.PROBLEM, "is full"),
        ({"f_favail": 0}, Level.PROBLEM, "is full"),
        ({"f_bavail": 50 * 256}, Level.WARNING, "has 50 MB left, and tor may need 200"),
        ({"f_files": 0, "f_favail": 0}, Level.OK, ""),  # file systems that don't count them
    ],
)
def test_disk(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, int],
    level: Level,
    says: str,
) -> None:
    """
    A disk that is full, or soon will be, is told.
    """
    usual = {"f_flag": 0, "f_bavail": 1 << 20, "f_frsize": 4096, "f_files": 9, "f_favail": 9}
    monkeypatch.setattr("os.statvfs", lambda path: SimpleNamespace(**{**usual, **changes}))
    found = state(tmp_path)
    assert found.level is level
    assert says in found.found


@pytest.mark.parametrize("content", [b"", b"x", b"9" * 100, b"\xff\0", b"-5", b"0"])
def test_strangeLocks(tmp_path: Path, content: bytes) -> None:
    """
    Whatever stands in a lock, nothing fails.
    """
    (tmp_path / "onionp2p.lock").write_bytes(content)
    assert state(tmp_path).level is Level.OK
    (tmp_path / "onionp2p.lock").unlink()
    os.mkfifo(tmp_path / "onionp2p.lock")
    assert holder(str(tmp_path), "onionp2p.lock") is None
    assert state(tmp_path).level is Level.OK


def test_runFolder(run: Path) -> None:
    """
    One can be made, and nothing of it is left; those of the living are left alone.
    """
    living = RunDirectory()
    (found,) = checkRunFolder()
    assert (found.level, found.found) == (Level.OK, f"a folder for sockets can be made in {run}")
    assert [str(path) for path in run.iterdir()] == [living.path]
    living.remove()


@pytest.mark.deadline(10)
@pytest.mark.usefixtures("run")
def test_sweeping() -> None:
    """
    What a killed process has left is swept, and told.
    """
    with killed("from onionp2p.tor.rundir import RunDirectory as R; r = R()"):
        (found,) = checkRunFolder()
    assert found.level is Level.OK
    assert found.found.endswith("; swept 1 that killed processes had left")


def test_anothersRunFolder(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    An XDG_RUNTIME_DIR of another user, as sudo leaves it behind, is told, and not used.
    """
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/proc/1")
    (found,) = checkRunFolder()
    assert found.level is Level.OK
    assert f"can be made in {run}, not in $XDG_RUNTIME_DIR (/proc/1: " in found.found


def test_noRunFolder(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where there is no place for sockets, it is said what one must be like.
    """

    def noPlace(**where: str) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.mkdtemp", noPlace)
    (found,) = checkRunFolder()
    assert found.level is Level.PROBLEM
    assert found.found.startswith("There is no place for tor's sockets")  # not: ask the doctor
    assert f"{run}: Read-only file system." in found.found
    assert found.remedy.startswith("XDG_RUNTIME_DIR=DIR")


def test_noTemporaryFolder(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where nothing can be written to at all, as in a container, it is the same.
    """

    def nowhere(**where: str) -> None:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr("tempfile.gettempdir", nowhere)
    monkeypatch.setattr("tempfile.mkdtemp", nowhere)
    (found,) = checkRunFolder()
    assert found.level is Level.PROBLEM
    assert found.check == "run folder"
    assert found.remedy.startswith("XDG_RUNTIME_DIR=DIR")


def test_othersMayRename(run: Path) -> None:
    """
    A folder where others could put theirs in the place of ours is a warning.
    """
    run.chmod(0o777)
    (found,) = checkRunFolder()
    assert found.level is Level.WARNING
    assert found.remedy.startswith(f"sudo chmod +t {run}")
    run.chmod(0o1777)
    assert checkRunFolder()[0].level is Level.OK
