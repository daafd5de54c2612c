# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What the machine gives us.
"""

from __future__ import annotations

import re
import resource
import time
from datetime import datetime
from pathlib import Path

import pytest

from onionp2p.doctor.finding import Level
from onionp2p.doctor.machine import checkClock, checkDescriptors, checkMemory

NOON = 1_795_348_800.0
"""2026-11-22 12:00 UTC."""


DAY = 86400.0


@pytest.mark.parametrize(
    ("now", "level"),
    [
        (-1e18, Level.PROBLEM),
        (0.0, Level.PROBLEM),
        (NOON - 2 * DAY, Level.PROBLEM),
        (NOON, Level.OK),
        (NOON + 9 * 365 * DAY, Level.OK),
        (NOON + 11 * 365 * DAY, Level.WARNING),
        (1e18, Level.WARNING),
    ],
)
def test_byTheRelease(now: float, level: Level, tmp_path: Path) -> None:
    """
    A clock from before this version was made is wrong, and one of ten years later most likely.
    """
    (found,) = checkClock(now, str(tmp_path))
    assert found.level is level
    assert found.remedy.startswith("set it: ") is (level is not Level.OK)


def test_released() -> None:
    """
    The day of this version is that of the newest in the list of changes.
    """
    changes = Path(__file__).parents[2] / "CHANGELOG.md"
    day = re.search(r"^## [0-9.]+ \((.*)\)$", changes.read_text(encoding="utf-8"), re.MULTILINE)
    assert day is not None
    released = datetime.fromisoformat(f"{day[1]} 12:00+00:00").timestamp()
    assert checkClock(released)[0].level is not Level.PROBLEM
    assert "and this onionp2p is of " + day[1] in checkClock(released - 2 * DAY)[0].found


def test_behindTheConsensus(tmp_path: Path) -> None:
    """
    A clock that says less than the consensus that tor had last is a problem; an hour is none.
    """
    for number, hour in [(1, 10), (2, 12)]:
        (tmp_path / f"tor-{number}").mkdir()
        consensus = tmp_path / f"tor-{number}" / "cached-microdesc-consensus"
        consensus.write_text(
            f"network-status-version 3 microdesc\nvalid-after 2026-11-22 {hour}:00:00\n"
        )
    (found,) = checkClock(NOON - 2 * 3600, str(tmp_path))
    assert found.level is Level.PROBLEM
    assert (
        "it says 2026-11-22 10:00 UTC, but tor got a consensus of 2026-11-22 12:00" in found.found
    )
    assert checkClock(NOON - 1800, str(tmp_path))[0].level is Level.OK


@pytest.mark.parametrize("content", [b"", b"\xff" * 10_000, b"valid-after 2026-99-99 99:99:99\n"])
def test_noConsensus(tmp_path: Path, content: bytes) -> None:
    """
    What is no consensus says nothing.
    """
    (tmp_path / "tor-1").mkdir()
    (tmp_path / "tor-1" / "cached-microdesc-consensus").write_bytes(content)
    (found,) = checkClock(NOON, str(tmp_path))
    assert (found.level, found.found) == (
        Level.OK,
        "it says 2026-11-22 12:00 UTC, which may be right",
    )


def test_here(tmp_path: Path) -> None:
    """
    The clock of who runs this may be right.
    """
    assert time.time() > NOON - 1e8
    assert checkClock(state=str(tmp_path))[0].check == "clock"


@pytest.mark.parametrize(
    ("limits", "level", "says"),
    [
        ((512, 900), Level.PROBLEM, "tor ends where it gets fewer than 1000"),
        ((512, 4096), Level.WARNING, "512 files may be open: room for some 448 connections"),
        ((10, 4096), Level.WARNING, "room for some 0 connections"),
        ((1024, 4096), Level.OK, "for more: ulimit -n 20000"),
        ((20000, 20000), Level.OK, "room for some 19936 connections, half of it to forward"),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), Level.OK, "any number"),
        ((1024, resource.RLIM_INFINITY), Level.OK, "1024 files"),
    ],
)
def test_descriptors(limits: tuple[int, int], level: Level, says: str) -> None:
    """
    How many connections there is room for, and how there is more.
    """
    (found,) = checkDescriptors(limits)
    assert found.level is level
    assert says in found.found
    if level is not Level.OK:
        assert "LimitNOFILE=20000" in found.remedy


def test_descriptorsHere() -> None:
    """
    Without being told, the limits of this process are looked at.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    (found,) = checkDescriptors()
    assert soft == resource.RLIM_INFINITY or f"{soft} files" in found.found


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("MemTotal: 1 kB\nMemAvailable:    8000000 kB\n", [Level.OK]),
        ("MemAvailable:     100000 kB\n", [Level.WARNING]),
        ("MemAvailable: much\n", []),
        ("\xff", []),
    ],
)
def test_memory(tmp_path: Path, text: str, levels: list[Level]) -> None:
    """
    Too little memory is a warning; where nobody tells how much there is, nothing is said.
    """
    (tmp_path / "meminfo").write_text(text, encoding="latin-1")
    assert [each.level for each in checkMemory(str(tmp_path / "meminfo"))] == levels
    assert checkMemory(str(tmp_path / "none")) == []
