# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The tests that a page of the documentation names as proof of what it says.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

__all__ = ["TEST_ID", "TOP", "namesOf", "unproven"]

TOP = Path(__file__).parent.parent
TEST_ID = re.compile(r"`(tests/\S+\.py::\S+?)`")
"""How a page names a test: by its node id, without parameters."""


def namesOf(path: Path) -> set[str]:
    """
    Give the node ids of the tests of a file, without their parameters.
    """
    tests = set()
    for node in ast.parse(path.read_text()).body:
        inside, prefix = [node], ""
        if isinstance(node, ast.ClassDef):
            inside, prefix = node.body, f"{node.name}::"
        for each in inside:
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                tests.add(f"{path.relative_to(TOP)}::{prefix}{each.name}")
    return {test for test in tests if test.rpartition("::")[2].startswith("test")}


def unproven(text: str) -> list[str]:
    """
    Give the tests that a text names and that there are not.
    """
    missing = []
    for test in TEST_ID.findall(text):
        path = TOP / test.partition("::")[0]
        if not path.exists() or test not in namesOf(path):
            missing.append(test)
    return missing
