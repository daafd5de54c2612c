# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Whether a process is there.
"""

from __future__ import annotations

import os
import subprocess

import pytest

from onionp2p.local.processes import isAlive


def test_thereAndGone() -> None:
    """
    A process is alive until it has ended and was reaped.
    """
    process = subprocess.Popen(["sleep", "60"])
    try:
        assert isAlive(process.pid)
    finally:
        process.kill()
        process.wait()
    assert not isAlive(process.pid)


def test_othersAreAlive(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    So is one that we may not signal; and no number is an error, however large.
    """
    assert not isAlive(1 << 80)

    def refuse(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert isAlive(1)
