# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The status file, what it holds, and what is made of it.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.application.service import IService, Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import Logger, LogLevel, capturedLogs, formatEvent
from zope.interface.verify import verifyObject

from onionp2p.address import OnionAddress, labelFromPublicKey
from onionp2p.errors import DescriptorNotFound, DialCancelled, TorDied
from onionp2p.events import (
    Attached,
    Cause,
    Connected,
    Event,
    Failed,
    Progress,
    Published,
    Reachable,
    Repairing,
    Retrying,
    Starting,
    Stopped,
    TorEnded,
    Unreachable,
    publish,
)
from onionp2p.operating import Operated, StatusFile
from onionp2p.operating.overview import Overview
from onionp2p.operating.states import DialCounts, ListenerState, TorState, TorStatus
from onionp2p.operating.status import LONGEST, Status, StatusError, formatStatus, parseStatus
from onionp2p.operating.verdict import Level, Verdict, duration, judge

ONION = OnionAddress(labelFromPublicKey(bytes(32)), 7777)
OTHER = OnionAddress(labelFromPublicKey(b"o" * 32), 80)
NOON = 1_800_000_000.0
READY = Progress(100, "done", "Done")


def tell(*events: Event) -> None:
    """
    Have events happen in this process.
    """
    for event in events:
        publish(Logger(), event)


def overviewOf(*events: Event) -> Overview:
    """
    Give what events add up to.
    """
    overview = Overview(lambda: NOON)
    for event in events:
        overview.apply(event)
    return overview


def statusOf(*events: Event, expected: int = 1, running: bool = True) -> Status:
    """
    Give the status of a process to which events have happened.
    """
    overview = overviewOf(*events)
    return Status(
        running,
        1234,
        NOON - 60,
        NOON,
        60,
        expected,
        overview.tor,
        overview.listeners,
        overview.dials,
    )


class File:
    """
    A status file in a folder, and the clock of who writes it.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "status.json"
        self.clock = Clock()
        self.clock.advance(NOON)
        self.service = StatusFile(self.clock, str(self.path), listeners=1)

    def read(self) -> Status:
        """
        Read it.
        """
        return parseStatus(self.path.read_bytes())


@pytest.fixture
def file(tmp_path: Path) -> Any:
    """
    One that is kept.
    """
    file = File(tmp_path)
    file.service.startService()
    yield file
    if file.service.running:
        file.service.stopService()
    assert file.clock.getDelayedCalls() == []


# What events add up to.


def test_listenerStates() -> None:
    """
    A listener is what the last event says, since when it has been that; why it can't be reached is
    told until it can.
    """
    now = [NOON]
    overview = Overview(lambda: now[0])
    steps: list[tuple[Event, str, float, str, str]] = [
        (Starting(ONION), "starting", 0, "", ""),
        (Published(ONION), "published", 1, "", ""),
        (Reachable(ONION, 1.0), "reachable", 2, "", ""),
        (Reachable(ONION, 2.0), "reachable", 2, "", ""),
        (Unreachable(ONION, Cause.NO_DESCRIPTOR, "F0"), "unreachable", 4, "look", "F0"),
        (Repairing(ONION, "anew"), "repairing", 5, "look", "anew"),
        (Published(ONION), "published", 6, "", ""),
        (Attached(ONION), "attached", 7, "", ""),
        (Stopped(ONION), "stopped", 8, "", ""),
    ]
    for event, state, since, cause, detail in steps:
        overview.apply(event)
        (listener,) = overview.listeners
        assert listener.address == str(ONION)
        assert listener.state.value == state
        assert listener.since == NOON + since
        assert cause in listener.cause
        assert bool(cause) == bool(listener.cause)
        assert listener.detail == detail
        now[0] += 1


def test_onlyNewsCounts() -> None:
    """
    An event that changes nothing that is shown is no change: each probe of a watch, say.
    """
    overview = overviewOf(READY, Published(ONION), Reachable(ONION, 1.0))
    assert not overview.apply(Reachable(ONION, 2.0))
    assert not overview.apply(READY)
    assert overview.apply(Unreachable(ONION, Cause.OTHER))


def test_torStates() -> None:
    """
    Tor's own state: how far, what keeps it, that it has gone and why.
    """
    assert overviewOf().tor == TorStatus(TorState.UNKNOWN, 0, "")
    half = Progress(50, "loading_descriptors", "Loading")
    assert overviewOf(half).tor == TorStatus(TorState.BOOTSTRAPPING, 50, "Loading")
    stuck = replace(half, warning="No route")
    assert overviewOf(stuck).tor == TorStatus(TorState.STUCK, 50, "Loading: No route")
    assert overviewOf(READY).tor == TorStatus(TorState.READY, 100, "Done")
    ended = overviewOf(READY, TorEnded(TorDied("It was ended by signal 9."), 1.0))
    assert ended.tor.state is TorState.ENDED
    assert "signal 9" in ended.tor.summary


def test_torAnswers() -> None:
    """
    Tor does not answer from its end, or its silence, on, until it is heard of; a network that is
    down is not tor's fault.
    """
    for silent in (
        TorEnded(TorDied(), 1.0),
        Unreachable(ONION, Cause.TOR_SILENT),
        Unreachable(ONION, Cause.TOR_DOWN),
    ):
        assert not overviewOf(READY, silent).torAnswers
        for heard in (READY, Published(ONION), Reachable(ONION, 1.0)):
            assert overviewOf(READY, silent, heard).torAnswers
    assert overviewOf(READY, Unreachable(ONION, Cause.NETWORK_DOWN)).torAnswers


def test_dials() -> None:
    """
    Dials are counted by how they ended; who was dialled is nowhere.
    """
    overview = overviewOf(
        Retrying(1, DescriptorNotFound(), 0.5),
        Retrying(2, DescriptorNotFound(), 0.5),
        Connected("abcdef….onion:1", 2.0, 3),
        Failed(DescriptorNotFound()),
        Failed(DialCancelled()),
        Failed(CancelledError()),
    )
    assert overview.dials == DialCounts(connected=1, failed=1, cancelled=2, retried=2)


def test_stoppedListenersAreForgotten() -> None:
    """
    A program that listens and stops for ever has a short status: ten of those that stopped stay.
    """
    overview = Overview(lambda: NOON)
    overview.apply(Published(ONION))
    for number in range(200):
        address = OnionAddress(ONION.label, 1000 + number)
        overview.apply(Starting(address))
        overview.apply(Stopped(address))
    assert len(overview.listeners) == 11
    assert overview.listeners[0].address == str(ONION)
    overview.apply(Stopped(ONION))
    addresses = [each.address for each in overview.listeners]
    assert addresses == [f"/onion3/{ONION.label}:{port}" for port in (*range(1191, 1200), 7777)]


def test_foreignTextIsTame() -> None:
    """
    What tor or an error says is one short line, without what a terminal would obey.
    """
    overview = overviewOf(Unreachable(ONION, Cause.OTHER, "a\nb\x1b[2J\ud800" + "c" * 9999))
    detail = overview.listeners[0].detail
    assert detail.startswith("a b\ufffd[2J\ufffdc")
    assert len(detail) == 300


# What the file holds.


def test_roundTrip() -> None:
    """
    What is written is what is read.
    """
    status = statusOf(
        READY, Starting(OTHER), Published(ONION), Unreachable(ONION, Cause.OTHER, "“why”")
    )
    assert parseStatus(formatStatus(status)) == status
    stopped = replace(status, running=False)
    assert parseStatus(formatStatus(stopped)) == stopped


def test_schema() -> None:
    """
    Other programs read it too: these names and forms stay.
    """
    assert json.loads(formatStatus(statusOf(READY, Published(ONION)))) == {
        "version": 1,
        "state": "running",
        "pid": 1234,
        "started": "2027-01-15T07:59:00Z",
        "updated": "2027-01-15T08:00:00Z",
        "heartbeat": 60,
        "expected": 1,
        "tor": {"state": "ready", "percent": 100, "summary": "Done"},
        "listeners": [
            {
                "address": str(ONION),
                "state": "published",
                "since": "2027-01-15T08:00:00Z",
                "cause": "",
                "detail": "",
            }
        ],
        "dials": {"connected": 0, "failed": 0, "cancelled": 0, "retried": 0},
    }


def test_laterVersionsMayAdd() -> None:
    """
    What is not known is passed over.
    """
    value = json.loads(formatStatus(statusOf()))
    assert parseStatus(json.dumps({**value, "new": 1}).encode()) == statusOf()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"version": 2}, "its version is 2"),
        ({"version": "1"}, "'version'"),
        ({"state": "sleeping"}, "'state' is not one of running, stopped"),
        ({"pid": 0}, "'pid'"),
        ({"pid": True}, "'pid'"),
        ({"pid": 10**400}, "'pid'"),
        ({"started": "yesterday"}, "'started' is no time"),
        ({"updated": "2027-01-15T08:00:00"}, "'updated' is no time"),
        ({"updated": "0001-01-01T00:00:00+23:59Z"}, "'updated' is no time"),
        ({"heartbeat": 1.5}, "'heartbeat'"),
        ({"tor": None}, "'tor' is no object"),
        ({"tor": {"state": "ready", "percent": 101, "summary": ""}}, "'percent'"),
        ({"listeners": {}}, "'listeners' is not a list"),
        ({"listeners": [7]}, "one of its 'listeners' is no object"),
        ({"listeners": [{"address": 7}]}, "'address' is not a text"),
        ({"dials": {}}, "'connected'"),
    ],
)
def test_malformed(change: dict[str, Any], problem: str) -> None:
    """
    What does not fit is named.
    """
    value = {**json.loads(formatStatus(statusOf())), **change}
    with pytest.raises(StatusError, match=problem):
        parseStatus(json.dumps(value).encode())


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"[]", b"{", b"NaN", b"[" * 100_000, b" " * (LONGEST + 1), b"9" * 10_000],
    ids=["empty", "bytes", "list", "half", "nan", "deep", "long", "number"],
)
def test_noStatusAtAll(content: bytes) -> None:
    """
    Anything else is refused, and nothing else happens.
    """
    with pytest.raises(StatusError):
        parseStatus(content)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(name=st.sampled_from([*json.loads(formatStatus(statusOf()))]), value=VALUES)
def test_parsingIsTotal(name: str, value: object) -> None:
    """
    Whatever a field holds, there is a status or one typed error.
    """
    fields = {**json.loads(formatStatus(statusOf())), name: value}
    try:
        status = parseStatus(json.dumps(fields).encode())
    except StatusError:
        return
    assert parseStatus(formatStatus(status)) == status


# Keeping the file.


def test_isAService(tmp_path: Path) -> None:
    """
    Any Twisted program can have it; nothing is written before it starts.
    """
    file = File(tmp_path)
    verifyObject(IService, file.service)
    assert not file.path.exists()


def test_privateAndAlone(file: File) -> None:
    """
    The file is its owner's alone, whatever the umask; nothing is left beside it.
    """
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert [entry.name for entry in file.path.parent.iterdir()] == ["status.json"]


def test_begins(file: File) -> None:
    """
    It is there from the start, and tells who, since when, and what is to come.
    """
    status = file.read()
    assert (status.running, status.pid, status.expected) == (True, os.getpid(), 1)
    assert (status.started, status.updated) == (NOON, NOON)
    assert judge(status, NOON, True).level is Level.WARNING


def test_writesOnChange(file: File) -> None:
    """
    A change is written at once; when many follow each other, once a second, and the last one
    always.
    """
    file.clock.advance(5)
    tell(Progress(10, "conn", "Connecting"))
    file.clock.advance(0)
    assert file.read().tor.percent == 10
    written = []
    for percent in range(20, 90, 10):
        tell(Progress(percent, "loading", "Loading"))
        file.clock.advance(0.25)
        written.append(file.read().tor.percent)
    assert written == [10, 10, 10, 50, 50, 50, 50]
    file.clock.advance(0.25)
    assert file.read().tor.percent == 80


def test_heartbeat(file: File) -> None:
    """
    When nothing happens, the file is written once a minute all the same, and no more often.
    """
    for minute in (1, 2, 3):
        file.clock.advance(59)
        assert file.read().updated == NOON + 60 * (minute - 1)
        file.clock.advance(1)
        assert file.read().updated == NOON + 60 * minute


def test_clockSetBack(file: File) -> None:
    """
    A clock that is set back, and delays all there is to do, does not delay a change by more than
    a second.
    """
    file.clock.rightNow -= 3600
    tell(READY)
    file.clock.advance(1)
    assert file.read().tor.state is TorState.READY


def test_stops(file: File) -> None:
    """
    At the end the file says so, with all that happened before; whatever listened has stopped,
    though nobody said so.
    """
    tell(Published(ONION), Published(OTHER), Stopped(ONION), READY)
    file.service.stopService()
    status = file.read()
    assert not status.running
    assert [each.state for each in status.listeners] == [ListenerState.STOPPED] * 2
    assert status.tor.state is TorState.READY
    tell(Published(ONION))
    assert file.read() == status


def test_startsAgain(file: File) -> None:
    """
    A service that is started again begins anew.
    """
    tell(Published(ONION))
    file.service.stopService()
    file.clock.advance(10)
    file.service.startService()
    assert file.read().listeners == ()
    assert file.read().started == NOON + 10


def test_folderVanishes(file: File) -> None:
    """
    Where it can't be written, that is logged once; when it can be again, it is within seconds.
    """
    file.path.unlink()
    file.path.parent.rmdir()
    with capturedLogs() as events:
        for percent in (10, 20, 30):
            tell(Progress(percent, "loading", "Loading"))
            file.clock.pump([1.0] * 20)
        file.path.parent.mkdir()
        file.clock.advance(5)
        assert file.read().tor.percent == 30
        file.clock.pump([30.0] * 4)
    said = [event for event in events if event["log_namespace"].endswith("statusfile.StatusFile")]
    assert [event["log_level"] for event in said] == [LogLevel.error, LogLevel.info]
    assert "No such file or directory" in formatEvent(said[0])
    assert file.read().updated > NOON + 120


@pytest.mark.parametrize("how", ["short", "error"])
def test_diskFull(file: File, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """
    On a full disk the old file stays as it was, nothing is left beside it, and the new one comes
    when there is room.
    """
    before = file.path.read_bytes()

    def write(descriptor: int, content: bytes) -> int:
        if how == "error":
            raise OSError(errno.ENOSPC, "No space left on device")
        return 7

    with monkeypatch.context() as patch, capturedLogs() as events:
        patch.setattr("onionp2p.operating.statusfile.os.write", write)
        tell(READY)
        file.clock.pump([1.0] * 10)
        assert file.path.read_bytes() == before
        assert [entry.name for entry in file.path.parent.iterdir()] == ["status.json"]
        assert sum("No space left" in (formatEvent(event) or "") for event in events) == 1
    file.clock.advance(5)
    assert file.read().tor.state is TorState.READY


def test_noFile(tmp_path: Path) -> None:
    """
    What is there and is no file of ours, such as /dev/null, is left as it is, and the log says so.
    """
    fifo, link = tmp_path / "fifo", tmp_path / "link"
    os.mkfifo(fifo)
    link.symlink_to("fifo")
    for path in (fifo, link):
        service = StatusFile(Clock(), str(path))
        with capturedLogs() as events:
            service.startService()
            service.stopService()
        assert [formatEvent(event) for event in events] == [
            f"the status can't be written to {path}: it is not a regular file.  It is tried again."
        ]
    assert fifo.is_fifo()
    assert link.is_symlink()


def test_whatTheKilledLeft(tmp_path: Path) -> None:
    """
    What a process that was killed while it wrote has left is in nobody's way.
    """
    file = File(tmp_path)
    (tmp_path / "status.json.new").write_text("half a")
    file.service.startService()
    assert file.read().running
    file.service.stopService()
    assert [entry.name for entry in tmp_path.iterdir()] == ["status.json"]


# Together with what is watched.


class Slow(Service):
    """
    Takes time to stop, or can't.
    """

    def __init__(self, *events: Event) -> None:
        self.events = events
        self.stopped: Deferred[None] = Deferred()

    def startService(self) -> None:
        Service.startService(self)
        tell(*self.events)

    def stopService(self) -> Deferred[None]:
        Service.stopService(self)
        return self.stopped


def test_watchesFromBeginningToEnd(tmp_path: Path) -> None:
    """
    A status file misses nothing of what it watches, neither at the start nor at the end.
    """
    file, slow = File(tmp_path), Slow(Starting(ONION))
    operated: Any = Operated(slow, [file.service])
    operated.startService()
    file.clock.advance(1)
    assert [each.state.value for each in file.read().listeners] == ["starting"]
    stopping = operated.stopService()
    assert file.read().running
    tell(Stopped(ONION))
    slow.stopped.callback(None)
    assert stopping.called
    status = file.read()
    assert not status.running
    assert [each.state.value for each in status.listeners] == ["stopped"]


def test_aFailedStopIsTold(tmp_path: Path, loggedErrors: Sequence[Any]) -> None:
    """
    A service that fails to stop is logged, and the status file ends all the same.
    """
    file, slow = File(tmp_path), Slow()
    operated: Any = Operated(slow, [file.service])
    operated.startService()
    stopping = operated.stopService()
    slow.stopped.errback(ZeroDivisionError("no way"))
    assert stopping.called
    assert not file.read().running
    assert "no way" in str(loggedErrors[0]["log_failure"])
    loggedErrors.clear()  # type: ignore[attr-defined]


# What is made of it.

FINE = [READY, Published(ONION)]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (statusOf(*FINE), "OK: 1 listener published"),
        (statusOf(*FINE, Reachable(ONION, 1.0)), "OK: 1 listener reachable"),
        (
            statusOf(*FINE, Published(OTHER), Reachable(OTHER, 1.0), expected=2),
            "OK: 2 listeners published",
        ),
        (statusOf(Starting(ONION), Attached(ONION)), "OK: 1 listener attached"),
        (statusOf(*FINE, Attached(OTHER), expected=2), "OK: 2 listeners up"),
        (statusOf(expected=0), "OK: running, without a listener"),
        (statusOf(), "WARNING: starting: 0 of 1 listener up; tor is at 0%"),
        (
            statusOf(Progress(45, "x", "Loading"), Starting(ONION)),
            "WARNING: starting: 0 of 1 listener up; tor is at 45% (Loading)",
        ),
        (
            statusOf(*FINE, Starting(OTHER)),
            "WARNING: starting: 1 of 2 listeners up; tor is at 100% (Done)",
        ),
        (
            statusOf(*FINE, Published(OTHER), Unreachable(ONION, Cause.NO_DESCRIPTOR, "F0")),
            f"CRITICAL: 1 of 2 listeners unreachable: {ONION}: nobody can look it up: F0",
        ),
        (
            statusOf(*FINE, Unreachable(ONION, Cause.OTHER), Repairing(ONION, "anew")),
            f"CRITICAL: 1 of 1 listener repairing: {ONION}: a dial of our own failed: anew",
        ),
        (statusOf(*FINE, Stopped(ONION)), f"CRITICAL: stopped: {ONION}"),
        (
            statusOf(*FINE, running=False),
            "CRITICAL: stopped: process 1234 has ended, 2027-01-15T08:00:00Z",
        ),
    ],
)
def test_verdicts(status: Status, expected: str) -> None:
    """
    One clear line, with the level that monitoring programs know, and the address in full.
    """
    assert str(judge(status, NOON + 30, True)) == expected


def test_torDown() -> None:
    """
    While tor is down, what was published is not well.
    """
    verdict = judge(statusOf(*FINE, TorEnded(TorDied("By signal 9."), 1.0)), NOON, True)
    assert verdict.level is Level.CRITICAL
    assert verdict.text.startswith("tor is down: ")


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((), "starting: 0 of 1 listener up; tor is at 0%; since 17 min: see the log"),
        (
            [Starting(ONION)],
            "starting: 0 of 1 listener up; tor is at 0%; since 16 min: see the log",
        ),
    ],
)
def test_neverUp(events: Sequence[Event], expected: str) -> None:
    """
    What has not come up in a quarter of an hour won't: C{listen()} has failed, or nobody called it.
    """
    status = statusOf(*events)
    for later, level in [(840, Level.WARNING), (961, Level.CRITICAL)]:
        verdict = judge(replace(status, updated=NOON + later), NOON + later, True)
        assert verdict.level is level
    assert verdict.text == expected


def test_processGone() -> None:
    """
    A process that was killed can't tell: its absence does.
    """
    verdict = judge(statusOf(*FINE), NOON, False)
    assert verdict == Verdict(
        Level.CRITICAL, "gone: process 1234 has died, after 2027-01-15T08:00:00Z"
    )


@pytest.mark.parametrize(("age", "stale"), [(180, False), (181, True), (-180, False), (-181, True)])
def test_stale(age: float, stale: bool) -> None:
    """
    Three heartbeats missed are too many; so is a status from the future, for the clock was set.
    """
    verdict = judge(statusOf(*FINE), NOON + age, True)
    assert verdict.level is (Level.CRITICAL if stale else Level.OK)
    assert ("stale: process 1234 last wrote 3 min ago" in verdict.text) == stale


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (7199, "1 h"), (86400 * 3, "3 d"), (-5, "0 s")],
)
def test_durations(seconds: float, text: str) -> None:
    """
    Durations are told by their largest unit.
    """
    assert duration(seconds) == text
