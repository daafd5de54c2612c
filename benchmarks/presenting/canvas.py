# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What all charts have in common: how they look, and how they become files.

A contender has the same colour in all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture
from matplotlib.ticker import FuncFormatter, LogLocator
from measuring.contenders import AGAIN, ONIONP2P, PLAIN, TXTORCON
from measuring.rawsocket import RAW
from measuring.results import Figure

__all__ = [
    "NOISE",
    "OTHER",
    "OURS",
    "REFERENCE",
    "colourOf",
    "formatted",
    "legend",
    "panels",
    "save",
    "ticks",
    "unitOf",
]

OURS, REFERENCE, NOISE, OTHER = "#1a66c2", "#4d4d4d", "#a6a6a6", "#c8553d"
_COLOURS = {
    ONIONP2P: OURS,
    PLAIN: REFERENCE,
    AGAIN: NOISE,
    RAW: REFERENCE,
    TXTORCON: OTHER,
    "socat": REFERENCE,
    "socat again": NOISE,
    "bare tor": REFERENCE,
    "js -> js": REFERENCE,
    "js -> ours": "#7fa8dc",
    "ours -> js": "#7fa8dc",
    "ours -> ours": OURS,
}
_UNITS = {"s": "seconds", "ms": "milliseconds", "µs": "microseconds"}
_STYLE = {
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.edgecolor": "#808080",
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "figure.constrained_layout.use": True,
    "font.size": 8,
    "grid.color": "#e0e0e0",
    "legend.frameon": False,
    "savefig.facecolor": "white",  # on a dark page it is a card
    "svg.fonttype": "none",  # words stay words
    "svg.hashsalt": "onionp2p",  # the same picture for the same figures
    "xtick.color": "#4d4d4d",
    "ytick.color": "#4d4d4d",
}
_WIDTH = 7.6


def panels(rows: int, columns: int, height: float, **more: Any) -> tuple[Picture, list[Axes]]:
    """
    Give an empty picture.

    @param height: in inches; the width is that of a page.
    @param more: as matplotlib's C{subplots} takes it.
    """
    mpl.rcParams.update(_STYLE)
    picture = Picture(figsize=(_WIDTH, height))
    made = picture.subplots(rows, columns, squeeze=False, **more)
    return picture, list(made.flat)


def save(picture: Picture, path: Path, **said: str) -> None:
    """
    Write a picture as SVG.

    @param said: what stands in its metadata.
    """
    picture.savefig(path, format="svg", metadata={"Date": None, **said})


def legend(picture: Picture, axes: Axes) -> None:
    """
    Say above a picture whose colour is whose, as in one of its charts.
    """
    handles, labels = axes.get_legend_handles_labels()
    picture.legend(handles, labels, loc="outside upper left", ncols=len(labels))


def unitOf(figure: Figure) -> str:
    """
    Give a figure's unit as an axis names it.
    """
    return _UNITS.get(figure.unit, figure.unit)


def colourOf(name: str) -> str:
    """
    Give a contender's colour.
    """
    return _COLOURS.get(name, OURS)


def ticks(axis: Any, values: Sequence[float]) -> None:
    """
    Have ticks at 1, 2 and 5 where there is room for all of them.
    """
    decades = math.log10(max(values) / min(values))
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 2 else (1,)))
    axis.set_minor_locator(LogLocator(subs=()))
    axis.set_major_formatter(formatted(lambda value: f"{value:g}"))


def formatted(words: Callable[[float], str]) -> FuncFormatter:
    """
    Have an axis say its values in words of ours.
    """
    return FuncFormatter(lambda value, _: words(value))
