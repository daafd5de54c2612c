# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The unit file of docs/howto/systemd.md, as systemd's own tools read it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNIT = "onionp2p-ping.service"
EXAMPLE = Path(__file__).parent.parent.parent / "docs" / "examples" / "operating" / UNIT
ANALYZE = shutil.which("systemd-analyze")

pytestmark = pytest.mark.skipif(ANALYZE is None, reason="there is no systemd on this machine")


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """
    The unit, for a program that is there.
    """
    path = tmp_path / UNIT
    path.write_text(EXAMPLE.read_text().replace("/opt/onionp2p/bin/twistd", sys.executable))
    return path


def analyze(*arguments: object) -> str:
    """
    Ask systemd-analyze, which must have nothing to find fault with.
    """
    assert ANALYZE is not None
    asked = subprocess.run(
        [ANALYZE, *map(str, arguments)], capture_output=True, text=True, check=True, timeout=30
    )
    assert asked.stderr == ""
    return asked.stdout


def test_isUnderstood(unit: Path) -> None:
    """
    Every line is one that systemd understands.
    """
    assert analyze("verify", unit) == ""


def test_isHardened(unit: Path) -> None:
    """
    What the service may still do, systemd rates as little.
    """
    rated = re.search(
        r"exposure level for \S+: ([\d.]+) OK", analyze("security", "--offline=yes", unit)
    )
    assert rated
    assert float(rated[1]) < 2
