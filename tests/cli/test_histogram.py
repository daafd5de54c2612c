# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The histogram of round trips.
"""

from __future__ import annotations

import pytest

from onionp2p.cli.histogram import histogram


def test_drawn() -> None:
    """
    Each line is a range of round trips; the longest bar takes all the room there is.
    """
    lines = histogram([(10.0, 1), (11.0, 8), (20.0, 4), (80.0, 1)], 40, blocks=False)
    assert lines == [
        "10.0-14.1 ms  9 ########################",
        "14.1-20.0 ms  0",
        "20.0-28.3 ms  4 ###########",
        "28.3-40.0 ms  0",
        "40.0-56.6 ms  0",
        "56.6-80.0 ms  1 ###",
    ]


def test_blocks() -> None:
    """
    Blocks are drawn to an eighth of a column, and the least is still seen.
    """
    lines = histogram([(1.0, 1000), (2.0, 1), (4.0, 500)], 40, blocks=True)
    bars = [line.partition("  ")[2].strip(" 0123456789") for line in lines]
    assert bars[0] == "█" * len(bars[0])
    assert len(bars[0]) > 10
    assert "▏" in bars
    assert bars[1] == ""


@pytest.mark.parametrize("width", [1, 10, 20])
def test_noRoom(width: int) -> None:
    """
    Where there is no room nothing is drawn.
    """
    assert histogram([(1.0, 5), (2.0, 5)], width, blocks=True) == []


@pytest.mark.parametrize("width", [25, 30, 80, 200])
def test_width(width: int) -> None:
    """
    No line is wider than the terminal.
    """
    lines = histogram([(0.01, 123456), (1.0, 5), (20000.0, 1)], width, blocks=True)
    assert all(len(line) <= width for line in lines)


@pytest.mark.parametrize(
    "counts", [[], [(1.0, 4)], [(1.0, 100)], [(1.0, 2), (2.0, 2)], [(0.0, 50), (0.0001, 50)]]
)
def test_shapeless(counts: list[tuple[float, int]]) -> None:
    """
    Of too few, and of such as are all alike, there is nothing to see.
    """
    assert histogram(counts, 80, blocks=True) == []


def test_all() -> None:
    """
    Every round trip is in one line: those at the edges, too.
    """
    counts = [(1.1**power, power + 1) for power in range(40)]
    lines = histogram(counts, 80, blocks=False)
    assert sum(int(line.split()[2]) for line in lines) == sum(range(41))
