# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The process that dials.

    python -m soaking.dialer STATE WATCHDOG_SECONDS LABEL
"""

from __future__ import annotations

import sys
import time
from typing import Any

from measuring.requests import Port
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import LoopingCall, react

from onionp2p import DialOptions, OnionAddress, OnionClientEndpoint, TorOptions
from onionp2p.waiting.running import whenRunning
from soaking.history import PING, TRANSFER
from soaking.subject import Subject
from soaking.visits import visit

_SECONDS = 60.0
_MOST_WAITING = 4
"""Of each kind: who has found an onion silent does not call it once more every second."""


class _Visitor:
    """
    Begins a visit at regular intervals.
    """

    def __init__(
        self, reactor: Any, subject: Subject, kind: str, options: DialOptions, *, size: int
    ) -> None:
        self._reactor = reactor
        self._subject = subject
        self._kind = kind
        self._endpoint = OnionClientEndpoint(reactor, options)
        self._size = size
        self._waiting: set[Deferred[None]] = set()
        self._calls = LoopingCall(self._call)

    def start(self, interval: float) -> None:
        """
        Begin.
        """
        self._calls.start(interval)

    async def stop(self) -> None:
        """
        Begin no more of them, and wait until those under way have ended.
        """
        if self._calls.running:
            self._calls.stop()
        await DeferredList(list(self._waiting))

    def _call(self) -> None:
        if len(self._waiting) == _MOST_WAITING:
            now = time.monotonic()
            self._tell(began=now, ended=now, problem="too many wait", begun=False)
            return
        visiting = Deferred.fromCoroutine(self._visit())
        self._waiting.add(visiting)
        visiting.addBoth(self._ended, visiting)

    def _ended(self, result: object, visiting: Deferred[None]) -> object:
        self._waiting.discard(visiting)
        return result

    async def _visit(self) -> None:
        began, corrupt = time.monotonic(), False
        try:
            problem = await visit(self._reactor, self._endpoint, self._size, _SECONDS)
        except ValueError as error:
            problem, corrupt = str(error), True
        self._tell(began=began, ended=time.monotonic(), problem=problem, corrupt=corrupt)

    def _tell(self, **facts: Any) -> None:
        self._subject.orders.tell("visit", kind=self._kind, **facts)


async def main(reactor: Any, state: str, watchdogSeconds: str, label: str) -> None:
    """
    Visit while that is ordered.
    """
    await whenRunning(reactor)
    tor = TorOptions(state=state)

    async def go(pings: float, transfers: float) -> None:
        """
        Visit, at these intervals.
        """
        pinging.start(pings)
        transferring.start(transfers)

    async def rest() -> None:
        await pinging.stop()
        await transferring.stop()

    subject = Subject(reactor, tor, float(watchdogSeconds), {"go": go, "rest": rest})
    address = OnionAddress(label, Port.ASKED)
    shared = DialOptions(address, timeout=_SECONDS, tor=tor)
    fresh = DialOptions(address, isolate="dial", timeout=_SECONDS, tor=tor)
    pinging = _Visitor(reactor, subject, PING, shared, size=32)
    transferring = _Visitor(reactor, subject, TRANSFER, fresh, size=256 * 1024)
    await subject.orders.over.wait()
    await rest()
    await subject.untilOver()


if __name__ == "__main__":
    react(main, sys.argv[1:])
