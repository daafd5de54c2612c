# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The kinds of charts, by matplotlib: each draws figures into one set of axes.
"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from measuring.report import number
from measuring.results import Figure, Moment, quantile

from presenting.canvas import NOISE, OTHER, OURS, REFERENCE, colourOf, formatted, ticks, unitOf

__all__ = ["bars", "distribution", "lines", "strips", "timeline"]

_BAR = 0.8


def distribution(axes: Axes, figure: Figure) -> None:
    """
    Draw the share of the samples that were no more than so much.
    """
    for name, values in figure.samples.items():
        axes.ecdf(values, label=name, color=colourOf(name), linewidth=1.4)
    axes.set_title(figure.name)
    axes.set_xlabel(unitOf(figure))
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(formatted(lambda share: f"{share:.0%}"))
    axes.grid(visible=True)
    _logarithmic(axes, [value for values in figure.samples.values() for value in values])


def bars(axes: Axes, title: str, figures: Sequence[Figure], names: Sequence[str]) -> None:
    """
    Draw medians as bars, with a line from the first to the third quartile and the median in
    figures.

    @param figures: of one unit; each is a group.
    @param names: of the groups.
    """
    place, places = 0.0, []
    for figure in figures:
        first = place
        for name, values in figure.samples.items():
            median = figure.medians[name]
            axes.barh(place, median, _BAR, color=colourOf(name), label=name)
            quartiles = quantile(values, 0.25), quantile(values, 0.75)
            axes.plot(quartiles, (place, place), color="black", linewidth=1)
            axes.annotate(
                f"{name}: {number(median)}",
                (max(median, quartiles[1]), place),
                xytext=(4, 0),
                textcoords="offset points",
                verticalalignment="center",
            )
            place += 1
        places.append((first + place - 1) / 2)
        place += 0.6
    axes.set_yticks(places, names)
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.set_title(title)
    axes.set_xlabel(unitOf(figures[0]))
    axes.margins(x=0.75)  # the words beside the longest bar
    axes.set_xlim(left=0)


def strips(axes: Axes, figures: Sequence[Figure]) -> None:
    """
    Draw each sample as a point, and the median as a line with its figure; a row is a contender in
    a figure.
    """
    place, places = 0.0, []
    for figure in figures:
        first = place
        for name, values in figure.samples.items():
            colour = colourOf(name)
            axes.plot(
                values,
                [place] * len(values),
                "o",
                color=colour,
                alpha=0.4,
                markersize=4,
                markeredgewidth=0,
                label=name if figure is figures[0] else "",
            )
            median = figure.medians[name]
            axes.plot((median, median), (place - 0.35, place + 0.35), color=colour, linewidth=2)
            axes.annotate(
                number(median),
                (max(values), place),
                xytext=(7, 0),
                textcoords="offset points",
                verticalalignment="center",
                color=colour,
            )
            place += 1
        places.append((first + place - 1) / 2)
        place += 0.5
    axes.set_yticks(places, [figure.name for figure in figures])
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.set_xlabel(unitOf(figures[0]))
    axes.margins(x=0.1)  # the median in figures
    axes.set_xlim(left=0)
    axes.grid(visible=True, axis="x")


def lines(
    axes: Axes,
    title: str,
    counts: Sequence[int],
    figures: Sequence[Figure],
    *,
    logarithmic: bool,
) -> None:
    """
    Draw how medians change with a count, which has a logarithmic scale; the points are all samples.

    @param figures: one for each count.
    @param logarithmic: whether they have such a scale too; else it begins with nothing.
    """
    everything = []
    for name in figures[0].samples:
        medians = [figure.medians[name] for figure in figures]
        axes.plot(counts, medians, "-", color=colourOf(name), linewidth=1.4, label=name)
        for count, figure in zip(counts, figures, strict=True):
            values = figure.samples[name]
            axes.plot([count] * len(values), values, "o", color=colourOf(name), markersize=3)
            everything += values
        axes.annotate(
            number(medians[-1]),
            (counts[-1], medians[-1]),
            xytext=(6, 0),
            textcoords="offset points",
            verticalalignment="center",
            color=colourOf(name),
        )
    axes.set_title(title)
    axes.set_xscale("log")
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    axes.minorticks_off()
    axes.set_xlabel("streams at once")
    axes.set_ylabel(unitOf(figures[0]))
    if logarithmic:
        axes.set_yscale("log")
        ticks(axes.yaxis, everything)
    else:
        axes.set_ylim(0, 1.1 * max(everything))
        axes.yaxis.set_major_formatter(formatted(lambda value: f"{value:,.0f}"))
    axes.margins(x=0.12)
    axes.grid(visible=True)


def timeline(axes: Axes, moments: Sequence[Moment], kind: str) -> None:
    """
    Draw how long each of a kind took, when; one that did not end is a cross at the top.  All other
    moments are lines with their names.
    """
    took = [(each.at, each.seconds) for each in moments if each.what == kind]
    there = [(at, 1000 * seconds) for at, seconds in took if seconds is not None]
    gone = [at for at, seconds in took if seconds is None]
    axes.plot(*zip(*there, strict=True), "o", color=OURS, markersize=2.5, markeredgewidth=0)
    axes.set_yscale("log")
    most = 2 * max(milliseconds for _, milliseconds in there)
    if gone:
        axes.plot(gone, [most] * len(gone), "x", color=OTHER, markersize=5, label="never")
    for each in moments:
        if each.what != kind:
            axes.axvline(each.at, color=NOISE, linewidth=0.8, zorder=0)
            axes.annotate(
                each.what,
                (each.at, 1),
                xycoords=("data", "axes fraction"),
                xytext=(0, 4),
                textcoords="offset points",
                rotation=60,
                color=REFERENCE,
                fontsize=7,
            )
    axes.set_xlabel("seconds since the beginning")
    axes.set_ylabel(f"{kind}, milliseconds")
    axes.margins(x=0.02)
    ticks(axes.yaxis, [milliseconds for _, milliseconds in there])
    axes.grid(visible=True, axis="y")


def _logarithmic(axes: Axes, values: Sequence[float]) -> None:
    axes.set_xscale("log")
    ticks(axes.xaxis, values)
