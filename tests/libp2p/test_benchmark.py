# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The benchmark runs, and reports what it is to.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop.jsnodes import nodePackages
from tests.programs import Program, start

__all__ = ["start"]

BENCHMARK = Path(__file__).parent.parent.parent / "benchmarks" / "libp2p.py"


@pytest.mark.deadline(60)
async def test_pairs(start: Callable[..., Program], tmp_path: Path) -> None:
    """
    Each pair connects, sends and answers; all are compared with js-libp2p alone.
    """
    report = tmp_path / "report.json"
    options = ["--quick", "--json", str(report), "--packages", str(nodePackages())]
    program = start(sys.executable, str(BENCHMARK), *options)
    assert await program.ended == 0, program.output
    figures = json.loads(report.read_text())["parts"]["a"]["figures"]
    assert len(figures) == 6
    for figure in figures:
        assert figure["base"] == "js -> js"
        pairs = {"js -> js", "js -> ours", "ours -> js", "ours -> ours"}
        assert set(figure["samples"]) == pairs
        assert all(len(each) == 2 for each in figure["samples"].values())
    assert "Round trip on a stream, clock, ms" in program.output
