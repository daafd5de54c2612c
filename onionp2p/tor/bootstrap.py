# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Tor's bootstrap: from its start until it can build circuits.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from onionp2p.errors import BootstrapStalled, ControlLost
from onionp2p.events import Progress, publish
from onionp2p.tor.control import TorControl
from onionp2p.tor.words import parseKeywords
from onionp2p.waiting.outcome import Outcome
from onionp2p.waiting.timer import Timer

__all__ = ["Bootstrap", "ProgressObserver", "parseStatus"]

_SECONDS_WITHOUT_PROGRESS = 60.0


ProgressObserver = Callable[[Progress], None]


def parseStatus(text: str) -> Progress | None:
    """
    Read a C{BOOTSTRAP} status (control-spec, section 5.5), or give L{None} if it is something else.
    """
    words = parseKeywords(text)
    percent = words.get("PROGRESS", "")
    if "BOOTSTRAP" not in text.split(maxsplit=2)[:2] or not percent.isdecimal():
        return None
    return Progress(
        percent=min(int(percent[:3]), 100),
        tag=words.get("TAG", ""),
        summary=words.get("SUMMARY", ""),
        warning=words.get("WARNING", ""),
    )


class Bootstrap:
    """
    Follows one tor's bootstrap.

    @ivar progress: how far it is.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime, control: TorControl) -> None:
        self._control = control
        self._done: Outcome[None] = Outcome()
        self._observers: list[ProgressObserver] = []
        self._stalled: Outcome[None] = Outcome()
        self._timer = Timer(clock)
        self._begun = False
        self.progress = Progress(0, "starting", "Starting")

    async def follow(self) -> None:
        """
        Begin; returns when tor has told how far it is.
        """
        self._control.observe("STATUS_CLIENT", self._status)
        self._restartTimer()
        self._control.whenLost().addCallback(self._controlLost)
        self._status(await self._control.getInfo("status/bootstrap-phase"))

    def stop(self) -> None:
        """
        Follow it no more.
        """
        self._timer.cancel()

    def whenDone(self) -> Deferred[None]:
        """
        Give a Deferred that fires once tor can build circuits.  It fails with
        L{BootstrapStalled} when there was no progress for 60 s, with tor's reason; tor itself
        goes on trying, and a later call waits anew.
        """
        return self._done.wait() if self._done.known else self._stalled.wait()

    def observe(self, observer: ProgressObserver) -> Callable[[], None]:
        """
        Have C{observer} told of each step, beginning with the present one.

        @return: a callable that ends this.
        """
        self._observers.append(observer)
        self._tell(observer)
        return lambda: self._observers.remove(observer)

    def _status(self, text: str) -> None:
        progress = parseStatus(text)
        if progress is None or self._done.known:
            return
        # Where it begins is news too, be it 0%.
        moved = not self._begun or progress.percent != self.progress.percent
        self._begun, self.progress = True, progress
        if moved or progress.warning:
            publish(self._log, progress)
        if progress.percent == 100:
            self.stop()
            self._done.succeed(None)
            self._stalled.succeed(None)
        elif moved:
            self._restartTimer()
        for observer in list(self._observers):
            self._tell(observer)

    def _tell(self, observer: ProgressObserver) -> None:
        try:
            observer(self.progress)
        except Exception:  # noqa: BLE001 - it is the application's, and tor must go on
            self._log.failure("a progress observer failed:")

    def _controlLost(self, _: None) -> None:
        self.stop()
        self._stalled.fail(ControlLost())

    def _restartTimer(self) -> None:
        """
        Measured from the last progress, not from the start: a slow network is not a dead one.
        """
        self._timer.start(_SECONDS_WITHOUT_PROGRESS, self._giveUp)

    def _giveUp(self) -> None:
        stuck = self.progress
        stalled, self._stalled = self._stalled, Outcome()
        self._restartTimer()
        reason = f": {stuck.warning}" if stuck.warning else ""
        stalled.fail(BootstrapStalled(f"It is at {stuck.percent}% ({stuck.summary}){reason}."))
