# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Asking programs, which may do anything.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from onionp2p.doctor.asking import ask


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """
    A program to be written.
    """
    path = tmp_path / "program"
    path.touch(0o755)
    return path


def write(script: Path, text: str) -> str:
    """
    Have it do something.
    """
    script.write_text(f"#!/bin/sh\n{text}\n")
    return str(script)


def test_answer(script: Path) -> None:
    """
    What it says on both of its outputs is heard, and how it ended.
    """
    answer = ask(write(script, 'echo "$1"; echo two >&2; exit 3'), "one")
    assert (answer.text, answer.status) == ("one\ntwo\n", 3)
    assert ask(write(script, "kill -SEGV $$")).status == -11


def test_silent(script: Path) -> None:
    """
    Who says nothing, or ends without closing its output, is not waited for.
    """
    began = time.monotonic()
    assert ask(write(script, "echo begun; sleep 60"), seconds=0.3).status is None
    assert time.monotonic() - began < 2


def test_endless(script: Path) -> None:
    """
    Who never ends to speak is heard for a while.
    """
    answer = ask(write(script, "yes"), seconds=0.5)
    assert answer.status is None
    assert 0 < len(answer.text) <= 1 << 16


def test_children(script: Path, tmp_path: Path) -> None:
    """
    What it has started ends with it.
    """
    ask(write(script, f"sleep 60 & echo $! > {tmp_path}/pid; wait"), seconds=0.3)
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 1
    while Path(f"/proc/{pid}/stat").exists() and time.monotonic() < deadline:
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return
        os.sched_yield()
    assert not Path(f"/proc/{pid}/stat").exists()


def test_noProgram(script: Path) -> None:
    """
    What can't be run raises what the system says.
    """
    script.write_bytes(b"\x7fELF and nothing more")
    with pytest.raises(OSError, match="Exec format error"):
        ask(str(script))
