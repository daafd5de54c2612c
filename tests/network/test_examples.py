"""
The README's server and client, run as they stand.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parent.parent.parent / "docs" / "examples"


async def test_serverAndClient(start: Callable[..., Any], tmp_path: Path) -> None:
    """
    The client says something to the server, and prints the answer.
    """
    server = start(sys.executable, str(EXAMPLES / "server.py"), folder=tmp_path)
    where = (await server.says("listening on ")).split()[-1]
    client = start(sys.executable, str(EXAMPLES / "client.py"), where)
    assert await client.ended == 0
    assert "is anybody there?" in client.output
    assert (tmp_path / "echo.key").exists()
