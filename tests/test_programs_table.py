# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The table of programs is what is run.
"""

from __future__ import annotations

import re
from pathlib import Path

TOP = Path(__file__).parent.parent


def test_tableNamesThePrograms() -> None:
    """
    Each row of docs/howto/programs.md is a program that a test in tests/interop runs, and each of
    those has its row.
    """
    table = (TOP / "docs" / "howto/programs.md").read_text()
    rows = set(re.findall(r"^\| (.+?) \|", table, re.MULTILINE)) - {"program"}
    tests = (TOP / "tests" / "interop").glob("test_*.py")
    run = {
        name for path in tests for name in re.findall(r'mark\.interop\("(.+?)"\)', path.read_text())
    }
    assert rows == run
