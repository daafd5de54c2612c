# Copyright (c) The onionp2p developers.
# See LICENSE for details.

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
DIALING, FORWARDING, LAUNCHES, NETWORK_START, RECOVERY, SOAK = (
    BENCHMARKS / f"{name}.py"
    for name in ("dialing", "forwarding", "launches", "network_start", "recovery", "soak")
)


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
    cold = parts["b"]["figures"][0]["samples"]
    assert set(cold) == {"raw socket", "onionp2p"}
    assert [len(each) for each in cold.values()] == [3, 3]
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
    seen = json.loads(report.read_text())["parts"]["a"]
    struck = {what.partition(",")[0] for _, what, _ in seen["timeline"]} - {"ping"}
    assert struck == {"kill", "control", "hup"}
    samples = {figure["key"]: figure["samples"] for figure in seen["figures"]}
    assert sum(map(len, samples["ping"].values())) == 4
    assert samples["came back"]["transfers that came back"][0] > 50
    assert set(samples["rest descriptors"]) == {"listener", "dialer"}
    assert all(check["passed"] for check in seen["checks"])


@pytest.mark.slow
@pytest.mark.deadline(180)
async def test_recovery(start: Callable[..., Any], tmp_path: Path) -> None:
    """
    Both services come back and are dialled; each step of it is timed.
    """
    report = tmp_path / "report.json"
    recovery = start(Path(sys.executable).name, str(RECOVERY), "--quick", "--json", str(report))
    assert await recovery.ended == 0, recovery.output
    figures = json.loads(report.read_text())["parts"]["a"]["figures"]
    assert len(figures) == 4
    for figure in figures:
        assert set(figure["samples"]) == {"onionp2p", "bare tor"}
        assert all(0 < seconds < 120 for (seconds,) in figure["samples"].values())


@pytest.mark.slow
@pytest.mark.deadline(120)
async def test_networkStart(start: Callable[..., Any], tmp_path: Path) -> None:
    """
    Each step of a start is later than the one before it, up to a stranger's dial.
    """
    report = tmp_path / "report.json"
    program = start(
        Path(sys.executable).name, str(NETWORK_START), "--rounds", "1", "--json", str(report)
    )
    assert await program.ended == 0, program.output
    figures = json.loads(report.read_text())["parts"]["a"]["figures"]
    assert figures[-1]["name"] == "stranger's first dial"
    seconds = [figure["samples"]["network"][0] for figure in figures]
    assert seconds == sorted(seconds)


@pytest.mark.slow
@pytest.mark.deadline(120)
async def test_forwarding(start: Callable[..., Any], tmp_path: Path) -> None:
    """
    We and socat carry the same, by one circuit of one tor and without one, and nothing gets lost.
    """
    report = tmp_path / "report.json"
    program = start(Path(sys.executable).name, str(FORWARDING), "--quick", "--json", str(report))
    assert await program.ended == 0, program.output
    parts = json.loads(report.read_text())["parts"]
    assert set(parts) == {"a", "b"}
    for letter, contenders in [
        ("a", {"onionp2p", "socat", "socat again"}),
        ("b", {"onionp2p", "socat"}),
    ]:
        for figure in parts[letter]["figures"]:
            assert set(figure["samples"]) == contenders
    checks = parts["a"]["checks"]
    assert checks[0] == {"text": "circuits that they went by: 1", "passed": True}
    assert [check["passed"] for check in checks] == [True, True, True]


@pytest.mark.deadline(30)
async def test_launches(start: Callable[..., Any], tmp_path: Path) -> None:
    """
    Tors are launched and ended off every network, and each of both is timed.
    """
    report = tmp_path / "report.json"
    program = start(Path(sys.executable).name, str(LAUNCHES), "--quick", "--json", str(report))
    assert await program.ended == 0, program.output
    part = json.loads(report.read_text())["parts"]["a"]
    assert [len(figure["samples"]["tor"]) for figure in part["figures"]] == [3, 3]
    assert part["checks"] == [{"text": "3 launches: 0 failed", "passed": True}]
