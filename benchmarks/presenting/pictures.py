# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The pictures: which figures each shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure as Drawing
from measuring.results import Part
from measuring.runs import Run

from presenting import canvas, charts

__all__ = ["PICTURES", "Picture", "digest"]

Parts = Mapping[str, Part]

_COUNTS = 1, 10, 100, 1000


@dataclass(frozen=True)
class Picture:
    """
    A picture.

    @ivar benchmark: whose figures it shows.
    @ivar letters: of the parts that it needs.
    @ivar alternative: what it shows, for those who can't see it.
    """

    benchmark: str
    letters: str
    alternative: str
    _draw: Callable[[Parts], Drawing]

    def shows(self, run: Run) -> bool:
        """
        Whether the run has come as far as to be shown.
        """
        return all(letter in run.parts for letter in self.letters)

    def draw(self, run: Run, results: Path, to: Path) -> None:
        """
        Draw it.

        @param results: the file that the run is from.
        """
        source = f"{results.name}, SHA-256 {digest(results)}"
        canvas.save(self._draw(run.parts), to, Title=self.alternative, Source=source)


def digest(results: Path) -> str:
    """
    Give what tells a file with results from any other.
    """
    return hashlib.sha256(results.read_bytes()).hexdigest()


def _latency(parts: Parts) -> Drawing:
    drawing, axes = canvas.panels(1, 3, 2.7, sharey=True)
    for each, key in zip(axes, ["cold", "warm", "trip"], strict=True):
        charts.distribution(each, parts["b"].figure(key))
    axes[0].set_ylabel("of the rounds")
    canvas.legend(drawing, axes[1])
    return drawing


def _throughput(parts: Parts) -> Drawing:
    drawing, axes = canvas.panels(1, 3, 3.2)
    for each, title, part, key in [
        (axes[0], "CPU per GiB, without tor", "a", "cpu"),
        (axes[1], "time per GiB, without tor", "a", "clock"),
        (axes[2], "time per GiB, through tor", "b", "clock"),
    ]:
        directions = ["received", "sent"]
        figures = [parts[part].figure(f"{key} {direction}") for direction in directions]
        charts.bars(each, title, figures, directions if each is axes[0] else ["", ""])
    return drawing


def _carrying(parts: Parts) -> Drawing:
    drawing, axes = canvas.panels(2, 2, 3.6)
    through, alone = parts["a"], parts["b"]
    charts.bars(axes[0], "through tor: round trip", [through.figure("trip")], [""])
    moved = [through.figure("received"), through.figure("sent")]
    charts.bars(axes[1], "through tor: time per GiB", moved, ["received", "sent"])
    charts.bars(axes[2], "without tor: round trip", [alone.figure("trip")], [""])
    charts.bars(axes[3], "without tor: time per GiB", [alone.figure("clock")], ["received"])
    return drawing


def _growth(parts: Parts) -> Drawing:
    drawing, axes = canvas.panels(1, 2, 3.0)
    part = parts["c"]
    known = {figure.key for figure in part.figures}
    counts = [count for count in _COUNTS if f"{count} seconds" in known]
    for each, key, title in [
        (axes[0], "seconds", "until each stream has had its echo"),
        (axes[1], "allocated", "Python's memory per stream"),
    ]:
        figures = [part.figure(f"{count} {key}") for count in counts]
        charts.lines(each, title, counts, figures, logarithmic=key == "seconds")
    canvas.legend(drawing, axes[0])
    return drawing


def _recovery(parts: Parts) -> Drawing:
    drawing, (axes,) = canvas.panels(1, 1, 3.0)
    charts.strips(axes, parts["a"].figures)
    canvas.legend(drawing, axes)
    return drawing


def _networkStart(parts: Parts) -> Drawing:
    drawing, (axes,) = canvas.panels(1, 1, 2.6)
    charts.strips(axes, parts["a"].figures)
    return drawing


def _libp2p(parts: Parts) -> Drawing:
    drawing, axes = canvas.panels(1, 3, 1.9)
    for each, key, title in [
        (axes[0], "connects", "connecting and closing"),
        (axes[1], "trips", "round trip on a stream"),
        (axes[2], "upload", "time per GiB on one stream"),
    ]:
        charts.bars(each, title, [parts["a"].figure(key)], [""])
    return drawing


def _launches(parts: Parts) -> Drawing:
    drawing, axes = canvas.panels(1, 2, 2.2, sharey=True)
    for each, figure in zip(axes, parts["a"].figures, strict=True):
        charts.distribution(each, figure)
    axes[0].set_ylabel("of the launches")
    return drawing


def _soak(parts: Parts) -> Drawing:
    drawing, (axes,) = canvas.panels(1, 1, 3.2)
    charts.timeline(axes, parts["a"].timeline, "ping")
    return drawing


PICTURES = {
    "latency": Picture(
        "dialing",
        "b",
        "Distributions of cold dials, warm dials and round trips through tor: raw socket, onionp2p,"
        " txtorcon",
        _latency,
    ),
    "throughput": Picture(
        "dialing",
        "ab",
        "CPU and time per GiB: plain Twisted, raw socket, onionp2p, txtorcon",
        _throughput,
    ),
    "growth": Picture(
        "dialing",
        "c",
        "Time and memory per stream with 1, 10, 100 and 1,000 streams at once",
        _growth,
    ),
    "carrying": Picture(
        "forwarding", "ab", "Round trips and time per GiB: onionp2p and socat", _carrying
    ),
    "recovery": Picture(
        "recovery", "a", "Seconds from kill -9 until each step: onionp2p and a bare tor", _recovery
    ),
    "network_start": Picture(
        "network_start", "a", "Seconds until each step of a private network's start", _networkStart
    ),
    "launches": Picture(
        "launches", "a", "Distributions of the time that tor takes to answer and to end", _launches
    ),
    "libp2p": Picture("libp2p", "a", "libp2p: ours and js-libp2p, in all four pairs", _libp2p),
    "soak": Picture("soak", "a", "Time of each ping of the soak, and its faults", _soak),
}
"""
By name: docs/figures/<name>.svg.
"""
