# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Locks, forks and folders.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from onionp2p.local.folders import expandHome, runtimeFolders, stateFolder
from onionp2p.local.locks import FileLock, Locked


def test_heldOnce(tmp_path: Path) -> None:
    """
    A lock has one holder, whose process id the others are told; released, it leaves nothing.
    """
    path = str(tmp_path / "lock")
    lock = FileLock(path)
    with pytest.raises(Locked) as caught:
        FileLock(path)
    assert caught.value.pid == os.getpid()
    lock.release()
    assert not os.path.lexists(path)
    FileLock(path).release()


def test_outlivedByNoKilledProcess(tmp_path: Path) -> None:
    """
    The lock of a process that was killed is free, though its file is still there.
    """
    path = str(tmp_path / "lock")
    script = """
import os, sys
from onionp2p.local.locks import FileLock
FileLock(sys.argv[1])
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", script, path], check=False)
    assert os.path.lexists(path)
    FileLock(path).release()


def test_forkedChildrenDoNotHoldIt(tmp_path: Path) -> None:
    """
    A child that was forked, and lives on, does not keep the lock of its parent.
    """
    path = str(tmp_path / "lock")
    # The child tells when it has been forked, and goes when its standard input ends.
    script = """
import os, sys
from onionp2p.local.locks import FileLock
lock = FileLock(sys.argv[1])
if os.fork() == 0:
    print("forked", flush=True)
    sys.stdin.read()
    os._exit(0)
os.kill(os.getpid(), 9)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"forked\n"
        process.wait()
        FileLock(path).release()


def test_freeAgainAfterAFullDisk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A lock that could not be written is not held.
    """

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = str(tmp_path / "lock")
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            FileLock(path)
    assert not os.path.lexists(path)
    FileLock(path).release()


def test_noLinkIsFollowed(tmp_path: Path) -> None:
    """
    A link in the lock's place is refused: what it leads to would be emptied.
    """
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "lock").symlink_to(victim)
    with pytest.raises(OSError, match=r"symbolic links|Too many"):
        FileLock(str(tmp_path / "lock"))
    assert victim.read_text() == "precious"


def test_homeIsTheEffectiveUsers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    $HOME counts only while it is a folder of the user who runs us.
    """
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expandHome("~/x") == f"{tmp_path}/x"
    assert expandHome("/x/~") == "/x/~"
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert expandHome("~/x") != f"{tmp_path}/x"


def test_stateFolders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    State is kept where $ONIONP2P_STATE says, else in the XDG state directory, else in the home.
    """
    monkeypatch.delenv("ONIONP2P_STATE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert stateFolder() == f"{tmp_path}/.local/state/onionp2p"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert stateFolder() == f"{tmp_path}/xdg/onionp2p"
    monkeypatch.setenv("ONIONP2P_STATE", "~/mine")
    assert stateFolder() == f"{tmp_path}/mine"


def test_runtimeFolders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    Sockets go to $XDG_RUNTIME_DIR where it is ours, and can always go to /tmp.
    """
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folders = list(runtimeFolders())
    assert (folders[0], folders[-1]) == (str(tmp_path), "/tmp")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "missing"))
    assert next(runtimeFolders()) != str(tmp_path / "missing")
