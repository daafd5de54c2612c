# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The page of the design is what the folders hold.
"""

from __future__ import annotations

import re
from pathlib import Path

TOP = Path(__file__).parent.parent


def test_roomsAreTheFolder() -> None:
    """
    The table of rooms names every module and package of the top folder, and nothing else.
    """
    table = re.findall(r"^\| (`.*?) \|", (TOP / "docs" / "design.md").read_text(), re.MULTILINE)
    rooms = {name for row in table for name in re.findall(r"`([a-z0-9]+/?)`", row)}
    there = {path.stem for path in (TOP / "onionp2p").glob("*.py")} - {"__init__", "__main__"}
    there |= {f"{path.parent.name}/" for path in (TOP / "onionp2p").glob("*/__init__.py")}
    assert rooms == there
