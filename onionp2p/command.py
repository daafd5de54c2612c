# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What the commands of C{twistd onionp2p} have in common.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from twisted.application.service import IService
from twisted.python import usage

from onionp2p.operating import Metrics, StatusFile, SystemdNotifier
from onionp2p.operating.metrics import MetricsUnavailable

__all__ = ["CommandOptions", "isOnion", "reads", "seconds", "withExamples"]


def seconds(text: str) -> float:
    """
    Read a positive number of seconds.

    @raise ValueError: for anything else.
    """
    problem = f"a positive number of seconds is expected, not {text!r}"
    try:
        number = float(text)
    except ValueError:
        raise ValueError(problem) from None
    if not (number > 0 and math.isfinite(number)):
        raise ValueError(problem)
    return number


def reads(name: str, read: Callable[[str], float]) -> Callable[[str], float]:
    """
    Give what reads the option C{name}, and names it where it is wrong.

    @param read: raises L{ValueError}.
    """

    def named(text: str) -> float:
        try:
            return read(text)
        except ValueError as error:
            raise usage.UsageError(f"--{name}: {error}") from None

    return named


class CommandOptions(usage.Options):
    """
    What every command takes.

    @cvar command: its name.
    @cvar examples: command lines, for the help; C{X} stands for the 56 characters of an onion
        address.
    @ivar onions: at how many onions the command is to listen.
    @ivar metrics: what serves metrics, or L{None}.
    """

    optFlags: ClassVar[list[list[Any]]] = [
        [
            "strict",
            None,
            "Refuse, and log, what goes past Tor: connections, look-ups, open ports.",
        ],
    ]
    optParameters: ClassVar[list[list[Any]]] = [
        ["status", None, None, "A file that tells how it is, for `onionp2p status`."],
        ["metrics", None, None, "Where Prometheus reads: unix:PATH or tcp:127.0.0.1:PORT."],
    ]

    command: ClassVar[str]
    examples: ClassVar[Sequence[str]] = ()

    onions = 0
    metrics: Metrics | None = None

    def postOptions(self) -> None:
        """
        See that metrics can be served.
        """
        where = self["metrics"]
        if where is None:
            return
        from twisted.internet import reactor

        try:
            self.metrics = Metrics(reactor, where)
        except (ValueError, MetricsUnavailable) as error:
            raise usage.UsageError(f"--metrics: {error}") from error
        if self["strict"] and not self.metrics.door.place.path:
            raise usage.UsageError(
                "--metrics: with --strict, no Internet socket can be made: use unix:PATH"
            )

    def getSynopsis(self) -> str:
        """
        Give the first line of the help.
        """
        return f"Usage: twistd [twistd's options] onionp2p {self.command} [options]\n"

    def getUsage(self, width: int | None = None) -> str:
        """
        Give the help, which ends with the examples.
        """
        return withExamples(super().getUsage(width), self.examples)

    def makeWatchers(self, reactor: Any) -> list[IService]:
        """
        Make what tells operators how the command is.
        """
        watchers: list[IService] = []
        if "NOTIFY_SOCKET" in os.environ:
            watchers.append(SystemdNotifier(reactor, listeners=self.onions))
        if self["status"] is not None:
            watchers.append(StatusFile(reactor, self["status"], listeners=self.onions))
        if self.metrics is not None:
            watchers.append(self.metrics)
        return watchers


def withExamples(text: str, examples: Sequence[str]) -> str:
    """
    Put examples behind a help, as C{onionp2p} does.
    """
    if not examples:
        return text
    return "\n".join([text.rstrip(), "", "Examples:", *(f"  {each}" for each in examples), ""])


def isOnion(description: str) -> bool:
    """
    Whether an endpoint's string, or one within it (C{haproxy:onionp2p:listen:…}), is an onion's.
    """
    return "onionp2p:listen:" in description.replace("\\", "").lower()
