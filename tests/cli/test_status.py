# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p status}.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from onionp2p.address import OnionAddress, labelFromPublicKey
from onionp2p.cli import main
from onionp2p.operating.states import DialCounts, ListenerState, ListenerStatus, TorState, TorStatus
from onionp2p.operating.status import LONGEST, Status, formatStatus

ONION = OnionAddress(labelFromPublicKey(bytes(32)), 7777)


class File:
    """
    A status file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, state: ListenerState, **changes: Any) -> None:
        """
        Write the status of this process, which has one listener.
        """
        now = time.time()
        fields: dict[str, Any] = {
            "running": True,
            "pid": os.getpid(),
            "started": now - 7200,
            "updated": now,
            "heartbeat": 60,
            "expected": 1,
            "tor": TorStatus(TorState.READY, 100, "Done"),
            "listeners": (ListenerStatus(str(ONION), state, now - 200),),
            "dials": DialCounts(3, 1, 0, 2),
        }
        self.path.write_bytes(formatStatus(Status(**{**fields, **changes})))

    def show(self, *options: str) -> Result:
        """
        Show it.
        """
        return CliRunner().invoke(main, ["status", str(self.path), *options])


@pytest.fixture
def file(tmp_path: Path) -> File:
    """
    One that is to be written.
    """
    return File(tmp_path / "status.json")


def test_well(file: File) -> None:
    """
    The first line says that all is well, the others how things stand; no line is broken.
    """
    file.write(ListenerState.REACHABLE)
    result = file.show()
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0] == "OK: 1 listener reachable"
    assert lines[1].startswith(f"{ONION}: reachable since ")
    assert lines[1].endswith("Z (3 min)")
    assert lines[2] == "tor: ready, 100%: Done"
    assert lines[3] == "dials: 3 connected, 1 failed, 0 cancelled, 2 retried"
    assert lines[4].startswith(f"process {os.getpid()}, started ")
    assert len(lines) == 5


@pytest.mark.parametrize(
    ("state", "changes", "code", "says"),
    [
        (ListenerState.STARTING, {}, 1, "WARNING: starting"),
        (ListenerState.UNREACHABLE, {}, 2, f"CRITICAL: 1 of 1 listener unreachable: {ONION}"),
        (ListenerState.REACHABLE, {"pid": 2**40}, 2, "CRITICAL: gone: process 1099511627776"),
        (ListenerState.REACHABLE, {"updated": 1.0}, 2, "CRITICAL: stale: "),
        (ListenerState.REACHABLE, {"running": False}, 2, "CRITICAL: stopped: "),
    ],
)
def test_notWell(
    file: File, state: ListenerState, changes: dict[str, Any], code: int, says: str
) -> None:
    """
    What is wrong is the first line, and the exit status.
    """
    file.write(state, **changes)
    result = file.show()
    assert result.exit_code == code
    assert result.output.startswith(says)
    assert json.loads(file.show("--json").output)["level"] == says.partition(":")[0]


def test_killed(file: File) -> None:
    """
    A process that was killed is found to be gone, though its file says that all is well.
    """
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        file.write(ListenerState.REACHABLE, pid=process.pid)
        assert file.show().exit_code == 0
        process.kill()
    assert file.show().exit_code == 2


def test_anotherUsers(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A process of another user, to whom we may send nothing, is there.
    """

    def kill(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr("onionp2p.cli.status.os.kill", kill)
    file.write(ListenerState.REACHABLE)
    assert file.show().exit_code == 0


def test_noFile(file: File) -> None:
    """
    Where there is no file, one line says so.
    """
    result = file.show()
    assert result.exit_code == 3
    assert result.output == (
        f"UNKNOWN: {file.path}: there is no such file; does the program run, with --status?\n"
    )


def test_strangeName(tmp_path: Path) -> None:
    """
    The first line, which monitoring programs read, is one whatever the file is called.
    """
    result = File(tmp_path / "a\nOK\x1b[31m").show("--json")
    assert json.loads(result.output)["text"].startswith(
        f"{tmp_path}/a OK\N{REPLACEMENT CHARACTER}[31m: "
    )


@pytest.mark.parametrize("content", [b"", b"{", b'{"version": 9}', b" " * (LONGEST + 1)])
def test_malformed(file: File, content: bytes) -> None:
    """
    Of a file that is no status, one line says why.
    """
    file.path.write_bytes(content)
    result = file.show()
    assert result.exit_code == 3
    assert result.output.startswith(f"UNKNOWN: {file.path}: it")
    assert result.output.count("\n") == 1


def test_noRegularFile(file: File) -> None:
    """
    A fifo that nobody writes to is refused, and so is a folder.
    """
    os.mkfifo(file.path)
    assert file.show().exit_code == 3
    file.path.unlink()
    file.path.mkdir()
    result = file.show()
    assert result.exit_code == 3
    assert "not a regular file" in result.output


def test_json(file: File) -> None:
    """
    With --json, it is one object on one line.
    """
    file.write(ListenerState.PUBLISHED)
    result = file.show("--json")
    assert result.exit_code == 0
    assert result.output.count("\n") == 1
    said = json.loads(result.output)
    assert (said["level"], said["text"]) == ("OK", "1 listener published")
    assert said["status"] == json.loads(file.path.read_bytes())
    file.path.unlink()
    result = file.show("--json")
    assert result.exit_code == 3
    assert json.loads(result.output)["status"] is None


def test_terminal(file: File) -> None:
    """
    A file that somebody else made can't say anything to the terminal but text.
    """
    listener = ListenerStatus("\x1b]0;x\x07", ListenerState.UNREACHABLE, 0.0, "\x1b[2J", "a\nb")
    file.write(ListenerState.REACHABLE, listeners=(listener,))
    output = file.show().output
    assert "\x1b" not in output
    assert "\x07" not in output
    assert len(output.splitlines()) == 5
