"""
The benchmarks run, and report what they are to.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

DIALING = Path(__file__).parent.parent / "benchmarks" / "dialing.py"
CONTENDERS = {"plain Twisted", "plain Twisted again", "onionp2p", "txtorcon"}


def figure(part: dict[str, Any], name: str) -> dict[str, Any]:
    """Give the one figure whose name begins so."""
    (found,) = (each for each in part["figures"] if each["name"].startswith(name))
    return dict(found)


@pytest.mark.deadline(120)
def test_withoutTor(tmp_path: Path) -> None:
    """
    The parts that need no tor give a table, all samples as JSON, and a picture.
    """
    report, picture = tmp_path / "report.json", tmp_path / "picture.svg"
    command = [sys.executable, str(DIALING), "--quick", "a", "d"]
    command += ["--json", str(report), "--svg", str(picture)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    parts = json.loads(report.read_text())["parts"]
    assert set(parts) == {"a", "d"}

    for name in ("CPU per GiB sent", "CPU per GiB received", "CPU per round trip"):
        assert set(figure(parts["a"], name)["contenders"]) == CONTENDERS
    connect = figure(parts["a"], "CPU per connect")
    assert len(connect["contenders"]["onionp2p"]["samples"]) == 2
    assert connect["goal"] == {"contender": "onionp2p", "limit": 0.5, "over": "txtorcon"}
    assert figure(parts["a"], "of 50 dials")["contenders"]["onionp2p"]["median"] == 0
    assert all(check["passed"] for check in parts["d"]["checks"])
    assert figure(parts["d"], "growth")["reached"]

    assert "CPU per connect, µs" in text
    drawn = ET.parse(picture).iter("{http://www.w3.org/2000/svg}title")  # noqa: S314 - ours
    assert any(title.text and title.text.startswith("onionp2p: ") for title in drawn)
