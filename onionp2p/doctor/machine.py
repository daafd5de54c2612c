# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What the machine gives us: the time, files to open, memory.
"""

from __future__ import annotations

import os
import re
import resource
import time
from datetime import UTC, datetime, timedelta

from onionp2p.doctor.finding import Finding, problem, warning, well
from onionp2p.doctor.platforms import SET_CLOCK
from onionp2p.local.folders import stateFolder

__all__ = ["checkClock", "checkDescriptors", "checkMemory"]

# Of this version, as CHANGELOG.md has it: that day is past everywhere, or began somewhere.
_RELEASED = datetime(2026, 11, 22, tzinfo=UTC)
_EARLIEST = _RELEASED - timedelta(days=1)
_LATEST = _RELEASED + timedelta(days=3653)
_VALID_AFTER = re.compile(rb"^valid-after (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)$", re.MULTILINE)
_SECONDS_OF_GRACE = 3600
_HEAD = 4096
# Below this, tor ends at its start: its ConnLimit.
_OF_TOR = 1000
_MANY = 4096
# What a process has open besides its connections: tor's sockets, the log, Python's own.
_OF_OTHERS = 64
_MEGABYTE = 1 << 20
_OF_A_TOR = 150 * _MEGABYTE


def checkClock(now: float | None = None, state: str | None = None) -> list[Finding]:
    """
    Whether the clock can be right, by what is known without asking anybody: a Tor network takes
    none that is an hour off.

    @param now: seconds since 1970, by default what the clock says.
    @param state: the folder of our tors, each with the consensus that it got last.
    """
    now = time.time() if now is None else now
    remedy = f"set it: {SET_CLOCK}; then look: date -u"
    if now < _EARLIEST.timestamp():
        found = f"it says {_date(now)}, and this onionp2p is of {_RELEASED:%Y-%m-%d}"
        return [problem("clock", found, remedy)]
    newest = _newestConsensus(stateFolder() if state is None else state)
    if newest is not None and now < newest - _SECONDS_OF_GRACE:
        found = f"it says {_date(now)}, but tor got a consensus of {_date(newest)} before"
        return [problem("clock", found, remedy)]
    if now > _LATEST.timestamp():
        found = f"it says {_date(now)}, and ten years ago there was no such onionp2p"
        return [warning("clock", found, f"{remedy}; if it is right, pip install -U onionp2p")]
    return [well("clock", f"it says {_date(now)}, which may be right")]


def _date(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return f"{seconds:.0f} s since 1970"


def _newestConsensus(state: str) -> float | None:
    times = []
    for number in range(1, 10):
        path = os.path.join(state, f"tor-{number}", "cached-microdesc-consensus")
        try:
            if not os.path.isfile(path):
                continue
            with open(path, "rb") as file:
                match = _VALID_AFTER.search(file.read(_HEAD))
            if match is not None:
                said = datetime.fromisoformat(f"{match[1].decode('ascii')}+00:00")
                times.append(said.timestamp())
        except (OSError, ValueError):
            continue
    return max(times, default=None)


def checkDescriptors(limits: tuple[int, int] | None = None) -> list[Finding]:
    """
    Whether we, and our tor, may open as many files as it takes.

    @param limits: the soft and the hard limit, by default those of this process.
    """
    soft, hard = limits or resource.getrlimit(resource.RLIMIT_NOFILE)
    raiseIt = (
        "ulimit -n 20000 in the shell that starts it, or LimitNOFILE=20000 in its systemd unit"
    )
    if hard != resource.RLIM_INFINITY and hard < _OF_TOR:
        found = f"{hard} files at most may be open, and tor ends where it gets fewer than {_OF_TOR}"
        return [problem("descriptors", found, f"as root, {raiseIt}")]
    if soft == resource.RLIM_INFINITY:
        return [well("descriptors", "any number of files may be open")]
    room = max(soft - _OF_OTHERS, 0)
    found = f"{soft} files may be open: room for some {room} connections, half of it to forward"
    if soft < _OF_TOR:
        return [warning("descriptors", found, raiseIt)]
    return [well("descriptors", found if soft >= _MANY else f"{found} (for more: {raiseIt})")]


def checkMemory(path: str = "/proc/meminfo") -> list[Finding]:
    """
    Whether there is memory for a tor, where the system tells.
    """
    try:
        with open(path, "rb") as file:
            text = file.read(1 << 16).decode("ascii", "replace")
    except OSError:
        return []
    match = re.search(r"^MemAvailable:\s+([0-9]{1,15}) kB$", text, re.MULTILINE)
    if match is None:
        return []
    free = int(match[1]) * 1024
    found = f"{free // _MEGABYTE} MB are available"
    if free < _OF_A_TOR:
        remedy = "ps -eo pid,rss,comm --sort -rss | head"
        return [warning("memory", f"{found}, and a tor may need {_OF_A_TOR // _MEGABYTE}", remedy)]
    return [well("memory", found)]
