"""
The benchmarks run through real tors.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"
DIALING, RECOVERY, SOAK = (BENCHMARKS / f"{name}.py" for name in ("dialing", "recovery", "soak"))


@pytest.mark.slow
@pytest.mark.deadline(120)
async def test_throughTor(start: Callable[..., Any], tmp_path: Path) -> None:
    """
    The parts that need tor dial by it, grow without a failure, and get back what they sent.
    """
    report = tmp_path / "report.json"
    options = ["--quick", "b", "c", "e", "--json", str(report)]
    assert await start(Path(sys.executable).name, str(DIALING), *options).ended == 0
    parts = json.loads(report.read_text())["parts"]
    cold = parts["b"]["figures"][0]
    assert set(cold["contenders"]) == {"raw socket", "onionp2p"}
    assert [len(each["samples"]) for each in cold["contenders"].values()] == [3, 3]
    checks = [check for part in parts.values() for check in part["checks"]]
    assert len(checks) == 4
    assert [check["text"] for check in checks if not check["passed"]] == []


@pytest.mark.slow
@pytest.mark.deadline(240)
async def test_soak(start: Callable[..., Any], tmp_path: Path) -> None:
    """
    A short soak does to the tors what it has planned, sees them come back and nothing grow.
    """
    report = tmp_path / "report.json"
    options = ["--minutes", "0.8", "--every", "9", "--faults", "kill,control,hup"]
    soak = start(Path(sys.executable).name, str(SOAK), *options, "--json", str(report))
    assert await soak.ended == 0, soak.output
    seen = json.loads(report.read_text())
    assert {fault["kind"] for fault in seen["faults"]} == {"kill", "control", "hup"}
    assert all(fault["recovery of pings"] is not None for fault in seen["faults"])
    assert seen["available"]["transfers"] > 0.5
    assert set(seen["gauges"]) == {"listener", "dialer"}


@pytest.mark.slow
@pytest.mark.deadline(180)
async def test_recovery(start: Callable[..., Any], tmp_path: Path) -> None:
    """
    Both services come back and are dialled; each step of it is timed.
    """
    report = tmp_path / "report.json"
    recovery = start(Path(sys.executable).name, str(RECOVERY), "1", "--json", str(report))
    assert await recovery.ended == 0, recovery.output
    figures = json.loads(report.read_text())["figures"]
    assert len(figures) == 4
    for figure in figures:
        medians = {name: each["median"] for name, each in figure["contenders"].items()}
        assert set(medians) == {"onionp2p", "bare tor"}
        assert all(0 < seconds < 120 for seconds in medians.values())
