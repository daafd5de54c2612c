"""
The report as a picture: every comparison as a point on one scale of ratios.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape

from measuring.results import Figure, Part

__all__ = ["svg"]

_WIDTH, _LEFT, _RIGHT, _TOP = 960, 400, 40, 40
_ROW, _STEP = 26, 11
_LEAST, _MOST = 0.25, 16.0
_COLOURS = ["#1a66c2", "#d1495b", "#7a7a7a", "#2e8b57"]


def svg(parts: list[Part]) -> str:
    """
    Draw all figures that compare contenders: the median as a point, its 95% interval as a line, a
    goal as a notch.
    """
    figures = [(part, figure) for part in parts for figure in part.figures if figure.base]
    names = sorted({name for _, figure in figures for name in _others(figure)})
    colours = {name: _COLOURS[number % len(_COLOURS)] for number, name in enumerate(names)}
    rows: list[str] = []
    top = _TOP + 20
    for part, figure in figures:
        height = _ROW + _STEP * (len(_others(figure)) - 1)
        rows += _row(part, figure, colours, top, height)
        top += height
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top + 40}"'
    return "\n".join(
        [
            f'{head} font-family="sans-serif" font-size="12">',
            f'<rect width="{_WIDTH}" height="{top + 40}" fill="white"/>',
            *_legend(colours),
            *_scale(top),
            *rows,
            "</svg>\n",
        ]
    )


def _others(figure: Figure) -> list[str]:
    return [name for name in figure.samples if name != figure.base]


def _x(ratio: float) -> float:
    share = math.log(min(max(ratio, _LEAST), _MOST) / _LEAST) / math.log(_MOST / _LEAST)
    return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)


def _text(x: float, y: float, text: str, **attributes: str) -> str:
    given = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f'<text x="{x}" y="{y}"{given}>{escape(text)}</text>'


def _legend(colours: dict[str, str]) -> Iterator[str]:
    yield _text(12, 20, "times [the base]: less is better", font_weight="bold")
    for number, (name, colour) in enumerate(colours.items()):
        x = _LEFT + 150 * number
        yield f'<circle cx="{x}" cy="16" r="4" fill="{colour}"/>'
        yield _text(x + 9, 20, name)


def _scale(bottom: float) -> Iterator[str]:
    ratio = _LEAST
    while ratio <= _MOST:
        x, stroke = _x(ratio), "#555" if ratio == 1 else "#ddd"
        yield f'<path d="M{x} {_TOP}V{bottom}" stroke="{stroke}"/>'
        yield _text(x, bottom + 16, f"{ratio:g}", text_anchor="middle", fill="#555")
        ratio *= 2


def _row(
    part: Part, figure: Figure, colours: dict[str, str], top: float, height: float
) -> Iterator[str]:
    assert figure.base is not None
    label = f"{part.letter}. {figure.name} [{figure.base}]"
    yield _text(_LEFT - 12, top + 4, label, text_anchor="end", font_size="11")
    for number, name in enumerate(_others(figure)):
        compared = figure.compare(name, figure.base)
        if compared is None:
            continue
        y = top + _STEP * number
        yield (
            f'<path d="M{_x(compared.low)} {y}H{_x(compared.high)}" stroke="{colours[name]}"'
            ' stroke-width="2"/>'
        )
        yield (
            f'<circle cx="{_x(compared.ratio)}" cy="{y}" r="4" fill="{colours[name]}">'
            f"<title>{escape(name)}: {compared.ratio:.3f}</title></circle>"
        )
    goal = figure.goal
    if goal is not None and goal.over is not None:
        limit = goal.limit * figure.medians[goal.over] / figure.medians[figure.base]
        yield f'<path d="M{_x(limit)} {top - 8}v{height - 10}" stroke="black" stroke-width="1.5"/>'
