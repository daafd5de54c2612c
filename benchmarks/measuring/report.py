# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The report for readers, as text.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from measuring.results import Figure, Part, quantile

__all__ = ["number", "table"]


def table(part: Part) -> str:
    """
    Give a part of the report.
    """
    lines = [f"{part.letter}. {part.title}", "", *_wrapped(part.method), ""]
    for figure in part.figures:
        lines += _figure(figure)
    lines += [f"  {'yes' if check.passed else 'NO '}  {check.text}" for check in part.checks]
    return "\n".join(lines).rstrip() + "\n"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 100)


def _figure(figure: Figure) -> Iterator[str]:
    yield f"  {figure.name}, {figure.unit}"
    for name, values in figure.samples.items():
        line = f"    {name:20}{number(figure.medians[name]):>10}"
        if len(values) > 1:
            spread = "–".join(number(quantile(values, share)) for share in (0.25, 0.75))
            line += f"  {spread:>17}  p95 {number(quantile(values, 0.95)):>8}"
        yield line + _compared(figure, name)
    yield from _goal(figure)
    yield ""


def _compared(figure: Figure, name: str) -> str:
    if figure.base is None or name == figure.base:
        return ""
    compared = figure.compare(name, figure.base)
    if compared is None:
        return ""
    text = f"  × {compared.ratio:.3f}"
    if compared.low != compared.high:
        text += f"  ({compared.low:.3f}–{compared.high:.3f})"
    return text


def _goal(figure: Figure) -> Iterator[str]:
    goal = figure.goal
    if goal is None:
        return
    limit = f"× {goal.limit:g} of {goal.over}" if goal.over else f"{goal.limit:g} {figure.unit}"
    yield f"    goal: {goal.contender} at most {limit}: {figure.verdict}"


def number(value: float) -> str:
    """
    Give three digits that count.
    """
    if value >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.3g}" if value >= 0.001 else f"{value:.1e}"
