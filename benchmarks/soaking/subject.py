# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What both processes do: obey, harm their tor, and read their gauges.
"""

from __future__ import annotations

import time
from typing import Any

from measuring.faultlogs import logUnexpected
from twisted.internet.task import LoopingCall

from onionp2p import TorOptions, shutdown
from onionp2p.tor import watchdog
from onionp2p.tor.lease import TorLease
from onionp2p.tor.pool import leaseTor
from soaking.faults import Kind
from soaking.gauges import read
from soaking.harm import harm
from soaking.orders import Action, Orders

__all__ = ["Subject"]


class Subject:
    """
    A process with a tor, to which things happen.

    @ivar orders: what it is told by, and tells by.
    """

    def __init__(
        self, reactor: Any, tor: TorOptions, watchdogSeconds: float, actions: dict[str, Action]
    ) -> None:
        """
        @param watchdogSeconds: how often tor is asked whether it is there, and how long its answer
            may take.
        @param actions: what else can be ordered.
        """
        logUnexpected()
        watchdog.SECONDS_BETWEEN = watchdog.SECONDS_TO_ANSWER = watchdogSeconds
        self._reactor = reactor
        self._lease: TorLease = leaseTor(reactor, tor)
        self._sampling = LoopingCall(self._sample)
        self.orders = Orders(
            {"harm": self._harm, "watch": self._watch, "read": self._read, **actions}
        )

    async def _harm(self, kind: str) -> float:
        await harm(self._reactor, self._lease, Kind(kind))
        return time.monotonic()

    async def _watch(self, interval: float) -> None:
        """
        Tell what the gauges show, from now on.
        """
        await self._lease.bootstrapped()
        self._sampling.start(interval)

    def _sample(self) -> None:
        self.orders.tell("sample", at=time.monotonic(), gauges=read(self._reactor))

    async def _read(self) -> dict[str, float]:
        return read(self._reactor)

    async def untilOver(self) -> None:
        """
        Obey until there is nobody to obey any more; then have no tor any more.
        """
        await self.orders.over.wait()
        if self._sampling.running:
            self._sampling.stop()
        self._lease.release()
        await shutdown(self._reactor)
