# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What systemd is told of this process: that it is ready, how it is, that it lives, and that it ends.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from onionp2p.address import OnionAddress
from onionp2p.events import Attached, Event, Published, Reachable, observe
from onionp2p.operating.notifysocket import NotifySocket, watchdogSeconds
from onionp2p.operating.overview import Overview
from onionp2p.operating.states import ListenerState, TorState

__all__ = ["SystemdNotifier"]

_SECONDS_TO_RETRY = 1.0


class SystemdNotifier(Service):
    """
    Tells systemd, where C{$NOTIFY_SOCKET} says that it listens; does nothing elsewhere.

    The watchdog is told that all is well only by the reactor's own clock, and only while tor
    answers: a tor that does not come back for as long as C{WatchdogSec=} has the service restarted.
    A network that is down is no reason: tor answers, and says so.
    """

    _log = Logger()

    def __init__(
        self, reactor: Any, *, listeners: int = 0, environment: Mapping[str, str] = os.environ
    ) -> None:
        """
        @param reactor: must provide C{IReactorTime} and C{IReactorCore}.
        @param listeners: how many onions must have been published, or attached to, until the
            service is ready.
        """
        self._reactor = reactor
        self._expected = listeners
        self._environment = environment
        self._overview = Overview(reactor.seconds)
        self._published: set[OnionAddress] = set()
        self._socket: NotifySocket | None = None
        self._forget: Callable[[], None] | None = None
        self._trigger: Any = None
        self._delayed: dict[Callable[[], None], IDelayedCall] = {}
        self._ready = False
        self._said = ""
        self._failing = False

    def startService(self) -> None:
        Service.startService(self)
        address = self._environment.get("NOTIFY_SOCKET")
        if not address:
            return
        try:
            self._socket = NotifySocket(address)
        except (OSError, ValueError) as problem:
            self._log.error("systemd is told nothing: {problem}", problem=problem)
            return
        self._forget = observe(self._observe)
        self._trigger = self._reactor.addSystemEventTrigger("before", "shutdown", self._stopping)
        self._tell()
        self._watch()

    def stopService(self) -> None:
        """
        Tell nothing more.
        """
        Service.stopService(self)
        self._hearNoMore()
        if self._trigger is not None:
            self._reactor.removeSystemEventTrigger(self._trigger)
            self._trigger = None
        for call in self._delayed.values():
            call.cancel()
        self._delayed.clear()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _hearNoMore(self) -> None:
        if self._forget is not None:
            self._forget()
            self._forget = None
        if self._tell in self._delayed:
            self._delayed.pop(self._tell).cancel()

    def _stopping(self) -> None:
        self._trigger = None  # it has fired
        self._hearNoMore()
        self._send(STOPPING="1", STATUS="stopping")

    def _observe(self, event: Event) -> None:
        if isinstance(event, (Published, Attached, Reachable)) and not self._ready:
            self._published.add(event.address)
        if self._overview.apply(event) and self._tell not in self._delayed:
            self._later(0, self._tell)

    def _tell(self) -> None:
        """
        Say how things stand, where that is news, and that the service is ready, once.
        """
        text = summary(self._overview)
        becomesReady = not self._ready and len(self._published) >= self._expected
        if text == self._said and not becomesReady:
            return
        ready = {"READY": "1"} if becomesReady else {}
        if self._send(**ready, STATUS=text):
            self._ready, self._said = self._ready or becomesReady, text
        else:
            self._later(_SECONDS_TO_RETRY, self._tell)

    def _watch(self) -> None:
        within = watchdogSeconds(self._environment)
        if within is None:
            return
        if self._overview.torAnswers:
            self._send(WATCHDOG="1")
        self._later(within / 2, self._watch)

    def _later(self, pause: float, call: Callable[[], None]) -> None:
        def run() -> None:
            del self._delayed[call]
            call()

        self._delayed[call] = self._reactor.callLater(pause, run)

    def _send(self, **fields: str) -> bool:
        """
        @return: whether that was sent.
        """
        if self._socket is None:
            return False
        try:
            self._socket.send(**fields)
        except OSError as problem:
            if not self._failing:
                self._log.error("systemd can't be told: {problem}", problem=problem.strerror)
            self._failing = True
            return False
        self._failing = False
        return True


def summary(overview: Overview) -> str:
    """
    Say on one line how things stand.  Anybody on this machine may read it (C{systemctl status}), so
    no address is in it.
    """
    tor = overview.tor
    if tor.state is TorState.UNKNOWN:
        said = "tor has not said anything yet"
    elif tor.state is TorState.ENDED:
        said = "tor is down"
    else:
        said = f"tor is at {tor.percent}%"
    counts: dict[str, int] = {}
    for each in overview.listeners:
        if each.state is not ListenerState.STOPPED:
            counts[each.state.value] = counts.get(each.state.value, 0) + 1
    listeners = ", ".join(f"{count} {state}" for state, count in counts.items())
    if tor.state is TorState.UNKNOWN and ListenerState.ATTACHED.value in counts:
        return f"listeners: {listeners}"  # which need no tor of ours
    return f"listeners: {listeners}; {said}" if listeners else said
