# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The matrix of docs/reference/libp2p.md is what is run.
"""

from __future__ import annotations

import re
from pathlib import Path

TOP = Path(__file__).parent.parent.parent


def test_matrixNamesThePairs() -> None:
    """
    Each line that the page promises is a pair that a test runs, and each of those is on the page.
    """
    page = (TOP / "docs" / "reference/libp2p.md").read_text()
    promised = set(re.findall(r"`PASS libp2p: (\S+) -> (\S+)`", page))
    test = (TOP / "tests" / "interop" / "test_native_libp2p.py").read_text()
    assert promised == set(re.findall(r'^        pair\("(\S+)", "(\S+)"[,)]', test, re.MULTILINE))
    assert promised
