# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The page of the design is what the folders hold.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).parent.parent
TABLE = re.findall(r"^\| (`.*?) \|", (TOP / "docs" / "design.md").read_text(), re.MULTILINE)


def test_roomsAreTheFolder() -> None:
    """
    The table of rooms names every module and package of the top folder, and nothing else.
    """
    rooms = {name for row in TABLE for name in re.findall(r"`([a-z0-9]+/?)`", row)}
    there = {path.stem for path in (TOP / "onionp2p").glob("*.py")} - {"__init__", "__main__"}
    there |= {f"{path.parent.name}/" for path in (TOP / "onionp2p").glob("*/__init__.py")}
    assert rooms == there


def test_importsLeadDownwards() -> None:
    """
    No room imports one that is above it in the table, not even late, but for what type checkers
    alone read.
    """
    floors = {
        name: floor for floor, row in enumerate(TABLE) for name in re.findall(r"`([a-z0-9]+)", row)
    }
    upwards = [
        f"{path.relative_to(TOP)} imports {imported}"
        for path in sorted((TOP / "onionp2p").rglob("*.py"))
        for room in [path.relative_to(TOP / "onionp2p").parts[0].removesuffix(".py")]
        if room in floors
        for imported in _imports(ast.parse(path.read_text()))
        if floors.get(imported, floors[room]) < floors[room]
    ]
    assert upwards == []


def _imports(tree: ast.AST) -> Iterator[str]:
    """
    Give the rooms that are imported.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "onionp2p":
            _, *rooms = (node.module or "").split(".")
            yield from rooms[:1] or (each.name for each in node.names)
        yield from _imports(node)
