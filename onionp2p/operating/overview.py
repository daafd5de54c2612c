# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How things stand: what the events of a process add up to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from onionp2p.address import OnionAddress
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
)
from onionp2p.oneline import oneLine
from onionp2p.operating.states import (
    LONGEST_TEXT,
    DialCounts,
    ListenerEvent,
    ListenerState,
    ListenerStatus,
    TorState,
    TorStatus,
)
from onionp2p.waiting.cancelling import CANCELLED

__all__ = ["Overview", "wasCancelled"]

_STOPPED_KEPT = 10


class Overview:
    """
    Follows events.

    @ivar tor: how our tor is.
    @ivar dials: how the dials went.
    @ivar torAnswers: C{False} from when tor ended, or did not answer, until it is heard of.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        """
        @param now: gives the time, in seconds since 1970.
        """
        self._now = now
        self._listeners: dict[OnionAddress, ListenerStatus] = {}
        self.tor = TorStatus()
        self.dials = DialCounts()
        self.torAnswers = True

    @property
    def listeners(self) -> tuple[ListenerStatus, ...]:
        """
        All listeners that have not stopped, and the last few that have.
        """
        return tuple(self._listeners.values())

    def apply(self, event: Event) -> bool:
        """
        Take an event into account.

        @return: whether it changed anything that is shown.
        """
        before = (self.tor, self.dials, self.listeners)
        match event:
            case Progress():
                self.torAnswers = True
                self.tor = _torAfter(event)
            case TorEnded(why):
                self.torAnswers = False
                self.tor = TorStatus(TorState.ENDED, 0, oneLine(str(why), LONGEST_TEXT))
            case (
                Starting()
                | Published()
                | Attached()
                | Reachable()
                | Unreachable()
                | Repairing()
                | Stopped()
            ):
                self._applyToListener(event)
            case Retrying():
                self.dials = replace(self.dials, retried=self.dials.retried + 1)
            case Connected():
                self.dials = replace(self.dials, connected=self.dials.connected + 1)
            case Failed(error) if wasCancelled(error):
                self.dials = replace(self.dials, cancelled=self.dials.cancelled + 1)
            case Failed():
                self.dials = replace(self.dials, failed=self.dials.failed + 1)
        return before != (self.tor, self.dials, self.listeners)

    def stopAll(self) -> None:
        """
        The program ends, and all listeners with it.
        """
        for address, listener in list(self._listeners.items()):
            if listener.state is not ListenerState.STOPPED:
                self._applyToListener(Stopped(address))

    def _applyToListener(self, event: ListenerEvent) -> None:
        before = self._listeners.get(event.address)
        state, cause, detail = ListenerState.after(event), "", ""
        match event:
            case Unreachable():
                cause, detail = event.cause.value, oneLine(event.detail, LONGEST_TEXT)
                self.torAnswers = event.cause not in {Cause.TOR_DOWN, Cause.TOR_SILENT}
            case Repairing():
                cause, detail = before.cause if before else "", oneLine(event.step, LONGEST_TEXT)
            case Published() | Reachable():
                self.torAnswers = True
        since = before.since if before and before.state is state else self._now()
        after = ListenerStatus(str(event.address), state, since, cause, detail)
        if state is ListenerState.STOPPED:
            # To the end: those that stopped first are forgotten first.
            self._listeners.pop(event.address, None)
        self._listeners[event.address] = after
        self._forgetStopped()

    def _forgetStopped(self) -> None:
        stopped = [
            address
            for address, listener in self._listeners.items()
            if listener.state is ListenerState.STOPPED
        ]
        for address in stopped[:-_STOPPED_KEPT]:
            del self._listeners[address]


def _torAfter(event: Progress) -> TorStatus:
    summary = oneLine(event.summary, LONGEST_TEXT)
    if event.warning:
        return TorStatus(
            TorState.STUCK, event.percent, oneLine(f"{summary}: {event.warning}", LONGEST_TEXT)
        )
    state = TorState.READY if event.percent == 100 else TorState.BOOTSTRAPPING
    return TorStatus(state, event.percent, summary)


def wasCancelled(error: BaseException) -> bool:
    """
    Whether a dial failed because nobody wanted it any more.
    """
    return isinstance(error, CANCELLED)
