# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What C{onionp2p ping} prints: a line a ping and a summary, as text or as JSON.
"""

from __future__ import annotations

import json
import shutil
import sys
from abc import ABC, abstractmethod

import click

from onionp2p.cli.failures import explain, sentence
from onionp2p.cli.histogram import BLOCKS, histogram
from onionp2p.cli.roundtrips import RoundTrips
from onionp2p.cli.terminal import canShow, isTerminal
from onionp2p.ping.results import Ok

__all__ = ["JSONReport", "Report", "TextReport"]


class Report(ABC):
    """
    Counts the results of pings and prints them; every line at once, and never broken.

    @ivar sent: how many pings have a result.
    """

    def __init__(self) -> None:
        self.sent = 0
        self._roundTrips = RoundTrips()
        self._hinted = False

    @property
    def received(self) -> int:
        """
        How many of them were answered.
        """
        return self._roundTrips.count

    @property
    def lossPercent(self) -> float:
        """
        How many of a hundred were not.
        """
        return 100 * (self.sent - self.received) / self.sent if self.sent else 0.0

    def reply(self, peer: str, result: Ok) -> None:
        """
        The next ping was answered.

        @param peer: the peer's address.
        """
        self.sent += 1
        milliseconds = result.rtt * 1000
        self._roundTrips.add(milliseconds)
        click.echo(self._replyLine(peer, result.size, milliseconds))

    def failure(self, error: Exception, hint: str = "") -> None:
        """
        The next ping was not answered.

        @param hint: what may be behind it, to be said once.
        """
        self.sent += 1
        text = sentence(error)
        if hint and not self._hinted:
            self._hinted = True
            text = text.rstrip(".") + hint
        click.echo(self._failureLine(text))

    def end(self) -> None:
        """
        Print the summary.
        """
        for line in self._summaryLines(self._roundTrips.summary()):
            click.echo(line)

    @abstractmethod
    def unreachable(self, error: Exception) -> None:
        """
        There is nobody to ping: report that instead of all else.
        """

    @abstractmethod
    def _replyLine(self, peer: str, size: int, milliseconds: float) -> str: ...

    @abstractmethod
    def _failureLine(self, text: str) -> str: ...

    @abstractmethod
    def _summaryLines(self, milliseconds: dict[str, float]) -> list[str]: ...


class TextReport(Report):
    """
    For people, after ping(8).
    """

    def unreachable(self, error: Exception) -> None:
        raise error

    def _replyLine(self, peer: str, size: int, milliseconds: float) -> str:
        return f"{size} bytes from {peer}: seq={self.sent} time={milliseconds:.1f} ms"

    def _failureLine(self, text: str) -> str:
        return f"seq={self.sent}: {text}"

    def _summaryLines(self, milliseconds: dict[str, float]) -> list[str]:
        lines = [f"{self.sent} sent, {self.received} received, {self.lossPercent:.3g}% loss"]
        if milliseconds:
            names = "/".join(milliseconds)
            values = "/".join(f"{value:.1f}" for value in milliseconds.values())
            lines.append(f"rtt {names} = {values} ms")
            lines += self._histogram()
        return lines

    def _histogram(self) -> list[str]:
        """
        Draw one where somebody looks.
        """
        if not isTerminal(sys.stdout):
            return []
        width = shutil.get_terminal_size().columns
        return histogram(self._roundTrips.counts(), width, blocks=canShow(sys.stdout, BLOCKS))


class JSONReport(Report):
    """
    For programs: one object a line.  Without any reply C{rtt_ms} is null.
    """

    def unreachable(self, error: Exception) -> None:
        click.echo(json.dumps({"error": explain(error)}))
        self.end()

    def _replyLine(self, peer: str, size: int, milliseconds: float) -> str:
        return json.dumps({"seq": self.sent, "time_ms": round(milliseconds, 3)})

    def _failureLine(self, text: str) -> str:
        return json.dumps({"seq": self.sent, "error": text})

    def _summaryLines(self, milliseconds: dict[str, float]) -> list[str]:
        summary = {
            "sent": self.sent,
            "received": self.received,
            "loss_percent": round(self.lossPercent, 2),
            "rtt_ms": {name: round(value, 3) for name, value in milliseconds.items()} or None,
        }
        return [json.dumps(summary)]
