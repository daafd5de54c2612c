# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
libp2p over onions, as the documentation has it; with nodes of others, see tests/interop.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from onionp2p import OnionAddress
from onionp2p.libp2p import Identity

EXAMPLES = Path(__file__).parent.parent.parent / "docs" / "examples" / "libp2p"

Start = Callable[..., Any]


@pytest.mark.slow
async def test_examples(start: Start, tmp_path: Path) -> None:
    """
    A visitor is known again, another is not; and who expects somebody else at the onion says
    nothing to who is there.
    """
    greeter = start(sys.executable, str(EXAMPLES / "greeter.py"), folder=tmp_path)
    where = (await greeter.says("listening on ")).split()[-1]

    async def visit(name: str, address: str = where) -> Any:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        visitor = start(sys.executable, str(EXAMPLES / "visitor.py"), address, folder=folder)
        await visitor.ended
        return visitor.output

    assert await visit("alice") == "hello from a visitor, this is visit 1\n"
    assert await visit("alice") == "hello from a visitor, this is visit 2\n"
    assert await visit("carol") == "hello from a visitor, this is visit 1\n"
    there = OnionAddress.fromString(where)
    other = OnionAddress(there.label, there.port, Identity.generate().peerID)
    assert "WrongPeer" in await visit("alice", str(other))
    assert await visit("alice") == "hello from a visitor, this is visit 3\n"
