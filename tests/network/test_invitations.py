# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Inviting a friend, from the command line.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Start = Callable[..., Any]


async def test_invited(start: Start, tmp_path: Path) -> None:
    """
    A friend with an invitation, a file or on standard input, comes in; nobody else does, nor she
    when she is revoked.
    """

    async def run(*arguments: str, status: int = 0) -> str:
        program = start("onionp2p", *arguments, folder=tmp_path)
        assert await program.ended == status, program.output
        return str(program.output)

    await run("key", "new", "web.key")
    invite = ("client", "invite", "friends", "alice", "--key", "web.key", "--port", "7777")
    await run(*invite)
    listener = start(
        "twistd", "-n", "--pidfile=", "onionp2p", "ping",
        "--listen", "onionp2p:listen:port=7777:key=web.key:clients=friends", folder=tmp_path,
    )  # fmt: skip
    address = (await listener.says("listening on /onion3/")).split()[-1]
    ping = ("ping", "-c", "2", "-i", "0.1")
    assert "2 received" in await run(*ping, "--invitation", "alice.invitation")
    script = "onionp2p ping -c 1 --invitation - < alice.invitation"
    shell = f"{Path(sys.executable).parent}/{script}"
    piped = start(
        "python", "-c", f"import subprocess, sys; sys.exit(subprocess.call({shell!r}, shell=True))",
        folder=tmp_path,
    )  # fmt: skip
    assert await piped.ended == 0, piped.output
    assert "lets in only those" in await run(*ping, address, status=1)
    await run("client", "revoke", "friends", "alice")
    await listener.says("0 may enter")
    assert "does not know our key" in await run(*ping, "--invitation", "alice.invitation", status=1)
