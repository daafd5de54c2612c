# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How round trips are distributed, drawn with characters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["BLOCKS", "histogram"]

BLOCKS = "█▉▊▋▌▍▎▏"
"""A column, and what is left of it when eighths are taken from its right."""

_ROWS = 6
_FEWEST = 5
"""Fewer round trips have no shape."""

_SHORTEST_BAR = 5
_LEAST = 0.01
"""Milliseconds, as finely as they are shown."""


def histogram(counts: Sequence[tuple[float, int]], width: int, *, blocks: bool) -> list[str]:
    """
    Draw a histogram: a line for each range of round trips.  Each range is by the same factor above
    the one before it, so that one late reply does not crowd all others into one line.

    @param counts: milliseconds, ascending, and how many round trips took that long.
    @param width: how many columns there are.
    @param blocks: whether to draw with L{BLOCKS}, or in ASCII.

    @return: lines; none where there is too little to draw, or no room.
    """
    if sum(count for _, count in counts) < _FEWEST:
        return []
    least, greatest = max(counts[0][0], _LEAST), counts[-1][0]
    if greatest < least * 1.01:  # all alike
        return []
    factor = math.log(greatest / least) / _ROWS
    ranges = [0] * _ROWS
    for milliseconds, count in counts:
        place = int(math.log(max(milliseconds, least) / least) / factor)
        ranges[min(place, _ROWS - 1)] += count
    digits = 2 if greatest < 10 else 1
    edges = [f"{least * math.exp(factor * row):.{digits}f}" for row in range(_ROWS + 1)]
    wide, most = len(edges[-1]), len(str(max(ranges)))
    labels = [
        f"{f'{edges[row]}-{edges[row + 1]}':>{2 * wide + 1}} ms  {count:{most}} "
        for row, count in enumerate(ranges)
    ]
    room = width - len(labels[0])
    if room < _SHORTEST_BAR:
        return []
    return [
        f"{label}{_bar(count / max(ranges), room, blocks=blocks)}".rstrip()
        for label, count in zip(labels, ranges, strict=True)
    ]


def _bar(part: float, room: int, *, blocks: bool) -> str:
    """
    Draw a bar that takes C{part}, from 0 to 1, of C{room} columns.  What is not 0 is seen.
    """
    if not blocks:
        return "#" * math.ceil(part * room)
    full, eighths = divmod(math.ceil(part * room * 8), 8)
    return BLOCKS[0] * full + (BLOCKS[8 - eighths] if eighths else "")
