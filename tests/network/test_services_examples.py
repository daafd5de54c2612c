# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The examples of docs/reference/listening.md, run as they stand.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.endpoints import clientFromString, connectProtocol

from onionp2p.keys import Identity
from onionp2p.testing import RecordingFactory, RecordingProtocol

EXAMPLES = Path(__file__).parent.parent.parent / "docs" / "examples" / "listening"
BIN = os.path.dirname(sys.executable)

Start = Callable[..., Any]


async def dial(where: str, options: str = "") -> RecordingProtocol:
    """
    Reach what a line of output names last.
    """
    address = where.rsplit(maxsplit=1)[-1].replace(":", "\\:")
    protocol = RecordingProtocol(RecordingFactory())
    string = f"onionp2p:dial:addr={address}{options}"
    await connectProtocol(clientFromString(reactor, string), protocol)
    return protocol


async def end(protocol: RecordingProtocol) -> None:
    """
    Close a connection, and wait for its end.
    """
    ended = protocol.receives(1 << 30)
    protocol.transport.loseConnection()
    with pytest.raises(Exception, match="closed"):
        await ended


async def get(where: str, options: str = "") -> bytes:
    """
    Ask a web server for its first page, and give the beginning of its answer.
    """
    protocol = await dial(where, options)
    protocol.transport.write(b"GET / HTTP/1.0\r\n\r\n")
    answer = await protocol.receives(15)
    await end(protocol)
    return answer


async def test_twoPorts(start: Start, tmp_path: Path) -> None:
    """
    One onion has two ports.
    """
    server = start(sys.executable, str(EXAMPLES / "two_ports.py"), folder=tmp_path)
    echo, hour = await server.says("echo at "), await server.says("hour at ")
    assert echo.split("/")[-1].split(":")[0] == hour.split("/")[-1].split(":")[0]
    protocol = await dial(echo)
    protocol.transport.write(b"hello")
    assert await protocol.receives(5) == b"hello"
    await end(protocol)
    assert (await (await dial(hour)).receives(10)).endswith(b":00 UTC\n")


async def test_rude(start: Start) -> None:
    """
    Who is rude is put out with all his connections; a third one of a peer is refused.
    """
    server = start(sys.executable, str(EXAMPLES / "rude.py"))
    where = await server.says("listening on ")
    one, again, other = [await dial(where, f":isolate={who}") for who in ("me", "me", "him")]
    third = await dial(where, ":isolate=me")
    with pytest.raises(Exception, match="closed"):
        await third.receives(1)
    ended = [each.receives(1) for each in (one, again)]
    one.transport.write(b"damn")
    for each in ended:
        with pytest.raises(Exception, match="closed"):
            await each
    other.transport.write(b"hello")
    assert await other.receives(5) == b"hello"
    await end(other)


def script(name: str) -> str:
    """
    Give the text of an example, with the server in the shell's place: it gets our signals.
    """
    return (EXAMPLES / name).read_text().replace("twistd -n", "exec twistd -n")


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Have the programs beside Python found.
    """
    monkeypatch.setenv("PATH", BIN, prepend=os.pathsep)


@pytest.mark.usefixtures("path")
async def test_friends(start: Start, tmp_path: Path) -> None:
    """
    The invitation that the example makes lets in who has it.
    """
    (tmp_path / "site").mkdir()
    server = start("/bin/sh", "-ec", script("friends.sh"), folder=tmp_path)
    where = await server.says("listening on ")
    assert b"200 OK" in await get(where, f":auth={tmp_path}/alice.invitation")


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("name", ["flood.sh", "backend.sh"])
async def test_web(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """
    A web server is reached at the address that its log tells.
    """
    monkeypatch.setenv("FRONTEND", f"{Identity.generate().label}.onion")
    (tmp_path / "site").mkdir()
    server = start("/bin/sh", "-ec", script(name), folder=tmp_path)
    assert b"200 OK" in await get(await server.says("listening on "))
