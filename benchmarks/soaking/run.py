# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A run: the private network, the two processes, and what happens to them.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.internet.task import deferLater

from onionp2p.testing.environment import environment
from onionp2p.testing.network import PrivateNetwork
from onionp2p.waiting.outcome import Outcome
from soaking.faults import Fault, Kind, Victim, plan
from soaking.history import History, Struck, Visit
from soaking.subjects import Subject
from soaking.trends import Trend

__all__ = ["Result", "Run", "Settings"]

_SECONDS_TO_START = 120.0
_SECONDS_TO_COME_BACK = 180.0
_SECONDS_TO_CLOSE = 3.0
_SECONDS_BETWEEN_LOOKS = 0.25
_WARMING_UP = 0.2

Gauges = dict[str, float]


@dataclass(frozen=True)
class Settings:
    """
    What a run is to be.

    @ivar seconds: how long it is, without the rests.
    @ivar seed: of the faults.
    @ivar every: from one fault to the next, in seconds.
    @ivar kinds: which faults.
    @ivar watchdog: how often each tor is asked whether it is there, and how long its answer may
        take, in seconds.
    @ivar pings: from one to the next, in seconds.
    @ivar transfers: the same.
    @ivar samples: from one reading of the gauges to the next, in seconds.
    """

    seconds: float
    seed: int
    every: float
    kinds: tuple[Kind, ...]
    watchdog: float = 5.0
    pings: float = 1.0
    transfers: float = 2.0
    samples: float = 5.0


@dataclass
class Result:
    """
    What came of it.

    @ivar trends: by process, one for each gauge.
    @ivar statuses: by process, what it ended with.
    """

    history: History = field(default_factory=History)
    trends: dict[str, list[Trend]] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)


class Run:
    """
    One run.
    """

    def __init__(self, reactor: Any, settings: Settings, say: Callable[[str], None]) -> None:
        """
        @param say: told what is being done.
        """
        self._reactor = reactor
        self._settings = settings
        self._say = say
        self._subjects: dict[str, Subject] = {}
        self._samples: dict[str, list[tuple[float, Gauges]]] = {}
        self._ready: Outcome[str] = Outcome()
        self._network = PrivateNetwork(reactor, step=lambda text, _: say(f"network: {text}"))
        self.result = Result()

    async def run(self) -> Result:
        """
        Do all of it.

        @raise Exception: if it could not be gone through with.
        """
        await self._network.start()
        try:
            with (
                environment(self._network.environment),
                tempfile.TemporaryDirectory(prefix="onionp2p-soak-") as folder,
            ):
                try:
                    await self._soak(folder)
                finally:
                    for name, subject in self._subjects.items():
                        self.result.statuses[name] = await subject.end()
        finally:
            await self._network.stop()
        return self.result

    def _start(self, name: str, folder: str, *arguments: str) -> Subject:
        seconds, state = str(self._settings.watchdog), os.path.join(folder, name)
        self._samples[name] = []
        self._subjects[name] = Subject(
            self._reactor,
            f"soaking.{name}",
            state,
            seconds,
            *arguments,
            told=lambda said: self._told(name, said),
        )
        return self._subjects[name]

    def _told(self, name: str, said: dict[str, Any]) -> None:
        what = said.pop("tell")
        if what == "visit":
            visit = Visit(**said)
            self.result.history.visits.append(visit)
            if visit.problem and visit.begun:
                self._say(f"{visit.kind}: {visit.problem}, {visit.ended - visit.began:.1f} s")
        elif what == "sample":
            self._samples[name].append((said["at"], said["gauges"]))
        else:
            self._ready.succeed(said["label"])

    async def _soak(self, folder: str) -> None:
        settings = self._settings
        self._start("listener", folder)
        label = await self._ready.wait().addTimeout(_SECONDS_TO_START, self._reactor)
        dialer = self._start("dialer", folder, label)
        for subject in self._subjects.values():
            await subject.order("watch", interval=settings.samples)
        await self._go(dialer)
        began, warm = time.monotonic(), settings.seconds * _WARMING_UP
        faults = plan(settings.seed, settings.seconds, settings.every, settings.kinds)
        for fault in (each for each in faults if each.at < warm):
            await self._until(began + fault.at)
            await self._strike(fault)
        await self._until(began + warm)
        first = await self._rest(dialer)
        began = time.monotonic() - warm  # the rest is not part of the run
        await self._go(dialer)
        for fault in (each for each in faults if each.at >= warm):
            await self._until(began + fault.at)
            await self._strike(fault)
        await self._until(began + settings.seconds)
        self._find(first, await self._rest(dialer))

    async def _go(self, dialer: Subject) -> None:
        await dialer.order("go", pings=self._settings.pings, transfers=self._settings.transfers)

    async def _until(self, moment: float) -> None:
        await deferLater(self._reactor, max(0.0, moment - time.monotonic()))

    async def _strike(self, fault: Fault) -> None:
        self._say(f"{fault.at:.0f} s: {fault.kind.value}, {fault.victim.value}")
        if fault.victim is Victim.NETWORK:
            for node in self._network.nodes:
                node.freeze()
            try:
                await deferLater(self._reactor, fault.seconds)
            finally:
                for node in self._network.nodes:
                    node.thaw()
            at = time.monotonic()
        else:
            at = await self._subjects[fault.victim.value].order("harm", kind=fault.kind.value)
        self.result.history.struck.append(Struck(fault, at))

    async def _rest(self, dialer: Subject) -> tuple[float, dict[str, Gauges]]:
        """
        Wait until all is well, have nothing going on, and read the gauges.
        """
        deadline = time.monotonic() + _SECONDS_TO_COME_BACK
        while not self.result.history.recovered and time.monotonic() < deadline:
            await deferLater(self._reactor, _SECONDS_BETWEEN_LOOKS)
        await dialer.order("rest")
        # The other end of a connection hears of its end a little later.
        await deferLater(self._reactor, _SECONDS_TO_CLOSE)
        readings = await gatherResults([each.order("read") for each in self._subjects.values()])
        return time.monotonic(), dict(zip(self._subjects, readings, strict=True))

    def _find(
        self, first: tuple[float, dict[str, Gauges]], last: tuple[float, dict[str, Gauges]]
    ) -> None:
        for name, samples in self._samples.items():
            counted = [(at, gauges) for at, gauges in samples if first[0] <= at <= last[0]]
            self.result.trends[name] = [
                Trend(
                    gauge,
                    [at for at, _ in counted],
                    [gauges[gauge] for _, gauges in counted],
                    (first[1][name][gauge], last[1][name][gauge]),
                )
                for gauge in first[1][name]
            ]
