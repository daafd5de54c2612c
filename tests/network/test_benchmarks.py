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

DIALING = Path(__file__).parent.parent.parent / "benchmarks" / "dialing.py"


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
