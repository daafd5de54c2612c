# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Whether all is well with a process, judged by its status.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from onionp2p.operating.states import ListenerState, ListenerStatus, TorState
from onionp2p.operating.status import Status, formatTime

__all__ = ["Level", "Verdict", "duration", "judge"]

_MISSED_HEARTBEATS = 3
# Thrice as long as C{listen()} takes at most, unless it is told otherwise.  What failed before it
# had begun leaves no other trace.
_SECONDS_TO_START = 900


class Level(IntEnum):
    """
    How well; the value is the exit status that monitoring programs know (Nagios's plugins).
    """

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True)
class Verdict:
    """
    @ivar level: how well.
    @ivar text: the same for people, on one line.
    """

    level: Level
    text: str

    def __str__(self) -> str:
        return f"{self.level.name}: {self.text}"


def judge(status: Status, now: float, alive: bool) -> Verdict:
    """
    Judge.

    @param now: the time, in seconds since 1970.
    @param alive: whether there is a process with the number in the status.
    """
    return _judgeProcess(status, now, alive) or _judgeListeners(status, now)


def _judgeProcess(status: Status, now: float, alive: bool) -> Verdict | None:
    """
    Tell what is wrong with the process as such, if anything.
    """
    when = formatTime(status.updated)
    if not status.running:
        return Verdict(Level.CRITICAL, f"stopped: process {status.pid} has ended, {when}")
    if not alive:
        return Verdict(Level.CRITICAL, f"gone: process {status.pid} has died, after {when}")
    # The clock may have been set, either way.
    silent = abs(now - status.updated)
    if silent > _MISSED_HEARTBEATS * status.heartbeat:
        return Verdict(
            Level.CRITICAL,
            f"stale: process {status.pid} last wrote {duration(silent)} ago, at {when}:"
            " it hangs, or can't write the file",
        )
    return None


def _judgeListeners(status: Status, now: float) -> Verdict:
    listeners = [each for each in status.listeners if each.state is not ListenerState.STOPPED]
    count = max(status.expected, len(listeners))
    lost = [each for each in listeners if each.state.lost]
    if lost:
        return Verdict(Level.CRITICAL, f"{len(lost)} of {_listeners(count)} {_why(lost[0])}")
    if status.tor.state is TorState.ENDED:
        return Verdict(Level.CRITICAL, f"tor is down: {status.tor.summary}")
    well = [each for each in listeners if each.state.well]
    if len(well) < count:
        stopped = [each for each in status.listeners if each.state is ListenerState.STOPPED]
        if len(listeners) < count and stopped:
            return Verdict(Level.CRITICAL, f"stopped: {stopped[-1].address}")
        return _judgeStart(status, now, f"{len(well)} of {_listeners(count)} up")
    if not listeners:
        return Verdict(Level.OK, "running, without a listener")
    return Verdict(Level.OK, f"{_listeners(count)} {_leastOf({each.state for each in well})}")


def _judgeStart(status: Status, now: float, how: str) -> Verdict:
    """
    Judge a process that has not all of its listeners yet.
    """
    tor = f"tor is at {status.tor.percent}%"
    if status.tor.summary:
        tor += f" ({status.tor.summary})"
    begun = [each.since for each in status.listeners if each.state is ListenerState.STARTING]
    seconds = abs(now - max([status.started, *begun]))
    if seconds <= _SECONDS_TO_START:
        return Verdict(Level.WARNING, f"starting: {how}; {tor}")
    return Verdict(
        Level.CRITICAL, f"starting: {how}; {tor}; since {duration(seconds)}: see the log"
    )


def _leastOf(states: set[ListenerState]) -> str:
    """
    Say what can be said of all.
    """
    if states == {ListenerState.REACHABLE, ListenerState.PUBLISHED}:
        return ListenerState.PUBLISHED.value
    return states.pop().value if len(states) == 1 else "up"


def _listeners(count: int) -> str:
    return "1 listener" if count == 1 else f"{count} listeners"


def _why(listener: ListenerStatus) -> str:
    parts = [f"{listener.state.value}: {listener.address}", listener.cause, listener.detail]
    return ": ".join(filter(None, parts))


def duration(seconds: float) -> str:
    """
    Say a duration for people, by its largest unit: C{3 min}.
    """
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(max(seconds, 0))} s"
