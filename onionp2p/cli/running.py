# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How a command runs on the reactor.

C{twisted.internet.task.react} does not do: on Ctrl-C it stops the reactor under
the coroutine, which so can neither finish its work nor choose the exit status,
and it prints a traceback for every error.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

import click
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    formatEvent,
    globalLogBeginner,
    textFileLogObserver,
)
from twisted.python.failure import Failure
from zope.interface import provider

from onionp2p.oneline import oneLine
from onionp2p.waiting.cancelling import CANCELLED

__all__ = ["run"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(main: Callable[[Any], Coroutine[Deferred[Any], Any, int]]) -> NoReturn:
    """
    Run C{main(reactor)} on the reactor, then end the process.

    Ctrl-C, SIGTERM and the end of its terminal (SIGHUP, which C{nohup} has
    ignored) cancel it once: what it awaits fails with one of
    L{CANCELLED<onionp2p.waiting.cancelling>}, while the reactor goes on.  So
    C{finally} may await, and a command for which that is the ordinary end
    catches them and returns its status; where they come out, the status is
    128 + the signal's number.  A second signal ends the process at once, as the
    system would.  A command that needs signals for itself may set handlers of
    its own: ours are in place when C{main} is called.

    When C{main} is done the reactor is stopped in good order, so that tor and
    whatever else waits for its shutdown is gone before the process is.

    The log's warnings and errors go to standard error, a sentence each; with
    C{onionp2p --debug} all of it does.

    To be called from a click command, at most once in a process.

    @param main: its result is the exit status.  What it raises is raised from
        here, for the C{onionp2p} command to report.
    """
    context = click.get_current_context(silent=True)
    _beginLogging(debug=context is not None and context.find_root().params.get("debug", False))
    from twisted.internet import reactor

    command = _Command(reactor, main)
    command.run()
    sys.exit(command.status())


class _Command:
    """
    A coroutine that lives as long as the reactor runs.
    """

    def __init__(
        self, reactor: Any, main: Callable[[Any], Coroutine[Deferred[Any], Any, int]]
    ) -> None:
        self._reactor = reactor
        self._main = main
        self._signal: signal.Signals | None = None
        self._outcome: int | Failure = 0

    def run(self) -> None:
        """
        Run the reactor until the coroutine is done.
        """
        self._reactor.callWhenRunning(self._start)
        self._reactor.run()

    def status(self) -> int:
        """
        Tell the exit status, or raise what the coroutine raised.
        """
        if isinstance(self._outcome, Failure):
            if self._signal is not None and self._outcome.check(*CANCELLED):
                return 128 + self._signal
            self._outcome.raiseException()
        return self._outcome

    def _start(self) -> None:
        for number in _SIGNALS:  # the reactor's are in place by now
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._interrupted)
        self._running: Deferred[Any] = Deferred.fromCoroutine(self._main(self._reactor))
        # For who stops the reactor himself.
        self._reactor.addSystemEventTrigger("before", "shutdown", self._cancel)
        self._running.addBoth(self._ended)

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        self._signal = signal.Signals(number)
        self._reactor.callFromThread(self._cancel)

    def _cancel(self) -> Deferred[Any]:
        self._running.cancel()
        return self._running

    def _ended(self, outcome: int | Failure) -> None:
        self._outcome = outcome
        with suppress(ReactorNotRunning):  # it is stopping already
            self._reactor.stop()


def _beginLogging(*, debug: bool) -> None:
    observer: ILogObserver = textFileLogObserver(sys.stderr)
    if not debug:
        observer = FilteringLogObserver(_tell, [LogLevelFilterPredicate(LogLevel.warn)])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)


@provider(ILogObserver)
def _tell(event: LogEvent) -> None:
    text = formatEvent(event)
    if "log_failure" in event:
        text = f"{text.rstrip(':')}: {event['log_failure'].getErrorMessage()}"
    click.echo(oneLine(text), err=True)  # above the bar, where one is shown
