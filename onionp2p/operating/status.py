# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What a status file holds: one JSON object, from and to a value.

Reading is total: any bytes give a L{Status} or a L{StatusError}.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TypeVar

from onionp2p.oneline import oneLine
from onionp2p.operating.states import (
    LONGEST_TEXT,
    DialCounts,
    ListenerState,
    ListenerStatus,
    TorState,
    TorStatus,
)

__all__ = ["LONGEST", "Status", "StatusError", "formatStatus", "formatTime", "parseStatus"]

VERSION = 1
LONGEST = 1 << 20
"""Bytes that a status file may hold."""

_MOST = 1 << 53  # what every reader of JSON can count up to
_DAY = 86400
_Choice = TypeVar("_Choice", bound=Enum)


class StatusError(ValueError):
    """
    These bytes are no status.
    """


@dataclass(frozen=True)
class Status:
    """
    How a process stands.  Times are in seconds since 1970.

    @ivar running: C{False} once it has ended in good order.
    @ivar updated: when it said so.
    @ivar heartbeat: how often it says so even when nothing changes, in seconds.
    @ivar expected: how many listeners it is to have.
    """

    running: bool
    pid: int
    started: float
    updated: float
    heartbeat: int
    expected: int
    tor: TorStatus
    listeners: tuple[ListenerStatus, ...]
    dials: DialCounts


def formatTime(seconds: float) -> str:
    """
    Write a time as ISO 8601 has it, in UTC and whole seconds.
    """
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def formatStatus(status: Status) -> bytes:
    """
    Write C{status} as JSON.
    """
    value = {
        "version": VERSION,
        "state": "running" if status.running else "stopped",
        "pid": status.pid,
        "started": formatTime(status.started),
        "updated": formatTime(status.updated),
        "heartbeat": status.heartbeat,
        "expected": status.expected,
        "tor": {**asdict(status.tor), "state": status.tor.state.value},
        "listeners": [
            {**asdict(each), "state": each.state.value, "since": formatTime(each.since)}
            for each in status.listeners
        ],
        "dials": asdict(status.dials),
    }
    return json.dumps(value, indent=2).encode("ascii") + b"\n"


def parseStatus(content: bytes) -> Status:
    """
    Read what L{formatStatus} wrote.  What a later version has added is passed over.

    @raise StatusError: says what is wrong with it.
    """
    if len(content) > LONGEST:
        raise StatusError(f"it holds more than {LONGEST} bytes")
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise StatusError("it is not JSON") from None
    top = _Object(value, "it")
    if top.number("version", _MOST) != VERSION:
        raise StatusError(f"its version is {value['version']}, and {VERSION} is what we can read")
    tor, dials = top.object("tor"), top.object("dials")
    return Status(
        running=top.word("state", ("running", "stopped")) == "running",
        pid=top.number("pid", _MOST, least=1),
        started=top.time("started"),
        updated=top.time("updated"),
        heartbeat=top.number("heartbeat", _DAY, least=1),
        expected=top.number("expected", _MOST),
        tor=TorStatus(
            tor.choice("state", TorState), tor.number("percent", 100), tor.text("summary")
        ),
        listeners=tuple(_listener(each) for each in top.objects("listeners")),
        dials=DialCounts(**{name: dials.number(name, _MOST) for name in asdict(DialCounts())}),
    )


def _listener(fields: _Object) -> ListenerStatus:
    return ListenerStatus(
        fields.text("address"),
        fields.choice("state", ListenerState),
        fields.time("since"),
        fields.text("cause"),
        fields.text("detail"),
    )


class _Object:
    """
    A JSON object, whose every field is what was asked for or a L{StatusError} that names it.
    """

    def __init__(self, value: object, name: str) -> None:
        if not isinstance(value, dict):
            raise StatusError(f"{name} is no object")
        self._fields: dict[str, Any] = value

    def _get(self, name: str, fits: Callable[[Any], bool], expected: str) -> Any:
        value = self._fields.get(name)
        if not fits(value):
            raise StatusError(f"its {name!r} is not {expected}")
        return value

    def object(self, name: str) -> _Object:
        return _Object(self._fields.get(name), f"its {name!r}")

    def objects(self, name: str) -> list[_Object]:
        found = self._get(name, lambda value: isinstance(value, list), "a list")
        return [_Object(each, f"one of its {name!r}") for each in found]

    def number(self, name: str, most: int, *, least: int = 0) -> int:
        def fits(value: object) -> bool:
            return type(value) is int and least <= value <= most  # True is an int too

        return int(self._get(name, fits, f"a whole number from {least} to {most}"))

    def text(self, name: str) -> str:
        return oneLine(
            self._get(name, lambda value: isinstance(value, str), "a text"), LONGEST_TEXT
        )

    def word(self, name: str, known: tuple[str, ...]) -> str:
        def fits(value: object) -> bool:
            return isinstance(value, str) and value in known

        return str(self._get(name, fits, f"one of {', '.join(known)}"))

    def choice(self, name: str, kind: type[_Choice]) -> _Choice:
        return kind(self.word(name, tuple(each.value for each in kind)))

    def time(self, name: str) -> float:
        problem = StatusError(f"its {name!r} is no time, as 2026-12-31T23:59:59Z")
        text = self.text(name)
        if not text.endswith("Z"):
            raise problem
        try:
            return datetime.fromisoformat(text).timestamp()
        except (ValueError, OverflowError):
            raise problem from None
