# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The examples of docs/howto/embedding.md, run as they stand.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.endpoints import clientFromString

from onionp2p.testing import RecordingFactory
from tests.programs import Program

EXAMPLES = Path(__file__).parent.parent.parent / "docs" / "examples" / "embedding"

Start = Callable[..., Program]


@pytest.mark.slow
async def test_strings(start: Start) -> None:
    """
    A program that knows nothing of Tor is an onion by the string that its user gives it.
    """
    room = start(sys.executable, str(EXAMPLES / "strings.py"), "onionp2p:listen:port=7777")
    where = (await room.says("open at ")).split()[-1].replace(":", "\\:")
    endpoint = clientFromString(reactor, f"onionp2p:dial:addr={where}")
    alice, bob = [await endpoint.connect(RecordingFactory()) for _ in range(2)]
    guests: list[Any] = [alice, bob]
    for guest in guests:
        guest.transport.write(b"hello\r\n")
        await guest.receives(7)  # now this one is in the room
    bob.transport.write(b"and welcome\r\n")
    assert await alice.receives(27) == b"hello\r\nhello\r\nand welcome\r\n"
    for guest in guests:
        guest.transport.loseConnection()


@pytest.mark.parametrize(
    "name", [pytest.param("endpoints.py", marks=pytest.mark.slow), "on_asyncio.py"]
)
async def test_thereAndBack(start: Start, name: str) -> None:
    """
    A program listens, dials itself and ends, by code of Twisted's or asyncio's kind.
    """
    program = start(sys.executable, str(EXAMPLES / name))
    assert await program.ended == 0, program.output
    assert "answer: hello" in program.output
    assert "Traceback" not in program.output


@pytest.mark.slow
async def test_watching(start: Start) -> None:
    """
    A program tells how its onion fares, from tor's start until its own end.
    """
    program = start(sys.executable, str(EXAMPLES / "watching.py"))
    await program.says("others can find /onion3/")
    assert "tor: 100%" in program.output
    program.signal("INT")
    assert await program.ended in {0, -signal.SIGINT}
    assert "closed" in program.output
