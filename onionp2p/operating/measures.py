# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What Prometheus is told: measures of the events of a process.

Nobody's address is a label.  A listener of ours is told by the first six characters of its own,
for what is measured travels further than a status file does.
"""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from onionp2p.address import OnionAddress
from onionp2p.errors import OnionError
from onionp2p.events import (
    Attached,
    Carried,
    Carrying,
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
from onionp2p.operating.overview import wasCancelled
from onionp2p.operating.states import ListenerEvent, ListenerState

__all__ = ["Measures"]

# From a dial by a warm circuit to one that is retried until the deadline.
_DIAL_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 120)
_OUTCOMES = ("connected", "failed", "cancelled")
_LISTENER = ("onion", "port")
# One that has stopped is no more.
_STATES = [state for state in ListenerState if state is not ListenerState.STOPPED]


class Measures:
    """
    Follows events.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        """
        @param now: gives the time, in seconds.
        """
        self._now = now
        self._listeners: dict[OnionAddress, ListenerState] = {}
        self._countedUntil = now()
        self._registry = registry = CollectorRegistry()
        self._state = Gauge(
            "onionp2p_listener_state",
            "1 for what a listener is, 0 for what it is not.",
            (*_LISTENER, "state"),
            registry=registry,
        )
        self._unreachable = Counter(
            "onionp2p_listener_unreachable_seconds",
            "How long strangers could not reach a listener.",
            _LISTENER,
            registry=registry,
        )
        self._recoveries = Counter(
            "onionp2p_listener_recoveries",
            "How often a listener that could not be reached came back.",
            _LISTENER,
            registry=registry,
        )
        self._percent = Gauge(
            "onionp2p_tor_bootstrap_percent", "How far tor's bootstrap is.", registry=registry
        )
        self._ended = Counter(
            "onionp2p_tor_ended", "How often a tor in use has gone.", registry=registry
        )
        self._dials = Counter(
            "onionp2p_dials", "How the dials went.", ["outcome"], registry=registry
        )
        for outcome in _OUTCOMES:
            self._dials.labels(outcome)
        self._retries = Counter(
            "onionp2p_dial_retries", "How often a dial was tried again.", registry=registry
        )
        self._errors = Counter(
            "onionp2p_dial_errors",
            "What attempts to dial failed with, be they tried again or not.",
            ["error"],
            registry=registry,
        )
        self._carried = Counter(
            "onionp2p_carried_connections",
            "How many connections were carried, or are.",
            registry=registry,
        )
        self._open = 0
        self._carrying = Gauge(
            "onionp2p_carried_connections_open",
            "How many connections are carried now.",
            registry=registry,
        )
        self._seconds = Histogram(
            "onionp2p_dial_seconds",
            "What a dial that came through took, from connect() on.",
            buckets=_DIAL_SECONDS,
            registry=registry,
        )

    def text(self) -> bytes:
        """
        Give the measures in Prometheus's text format, version 0.0.4.
        """
        self._countUnreachable()
        return generate_latest(self._registry)

    def observe(self, event: Event) -> None:
        """
        Take an event into account.
        """
        match event:
            case Progress(percent):
                self._percent.set(percent)
            case TorEnded():
                self._percent.set(0)
                self._ended.inc()
            case (
                Starting()
                | Published()
                | Attached()
                | Reachable()
                | Unreachable()
                | Repairing()
                | Stopped()
            ):
                self._observeListener(event)
            case Retrying(_, error):
                self._retries.inc()
                self._countError(error)
            case Connected(_, seconds):
                self._dials.labels("connected").inc()
                self._seconds.observe(max(seconds, 0.0))  # a clock may be set back
            case Failed(error) if wasCancelled(error):
                self._dials.labels("cancelled").inc()
            case Failed(error):
                self._dials.labels("failed").inc()
                self._countError(error)
            case Carrying():
                self._carried.inc()
                self._open += 1
                self._carrying.set(self._open)
            case Carried():
                self._open = max(self._open - 1, 0)  # it may have begun before we measured
                self._carrying.set(self._open)

    def _countError(self, error: BaseException) -> None:
        # Of others' errors there is no end, and so of their names.
        name = type(error).__name__ if isinstance(error, OnionError) else "other"
        self._errors.labels(name).inc()

    def _observeListener(self, event: ListenerEvent) -> None:
        self._countUnreachable()
        labels = _labels(event.address)
        before = self._listeners.pop(event.address, None)
        after = ListenerState.after(event)
        if after is ListenerState.STOPPED:
            if before is not None:
                self._forgetListener(labels)
            return
        self._listeners[event.address] = after
        for state in _STATES:
            self._state.labels(*labels, state.value).set(state is after)
        self._unreachable.labels(*labels)
        recoveries = self._recoveries.labels(*labels)
        if after.well and before is not None and before.lost:
            recoveries.inc()

    def _forgetListener(self, labels: tuple[str, str]) -> None:
        self._unreachable.remove(*labels)
        self._recoveries.remove(*labels)
        for state in _STATES:
            self._state.remove(*labels, state.value)

    def _countUnreachable(self) -> None:
        """
        Count the time up to now.
        """
        now = self._now()
        passed = max(now - self._countedUntil, 0.0)  # a clock may be set back
        self._countedUntil = now
        for address, state in self._listeners.items():
            if state.lost:
                self._unreachable.labels(*_labels(address)).inc(passed)


def _labels(address: OnionAddress) -> tuple[str, str]:
    return address.label[:6], str(address.port)
