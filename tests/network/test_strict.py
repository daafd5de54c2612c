# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{twistd onionp2p … --strict} on the private network.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest

Start = Callable[..., Any]


@pytest.mark.parametrize("reactorName", ["epoll", "asyncio"])
async def test_onionsAreNoLeaks(start: Start, reactorName: str) -> None:
    """
    A listener and a dialer that may not make one Internet socket, nor look up a name, serve and
    reach an onion.
    """
    stock = ("-n", "--pidfile=", f"--reactor={reactorName}", "onionp2p", "ping", "--strict")
    listener = start("twistd", *stock, "--listen", "onionp2p:listen:port=7777")
    where = (await listener.says("listening on /onion3/")).split("listening on ")[1]
    dialer = start("twistd", *stock, "--dial", f"onionp2p:dial:addr={where}", "--interval=0.1")
    await dialer.says(" bytes from ")
    for program in (dialer, listener):
        program.signal("TERM")
        assert await program.ended == -signal.SIGTERM
        assert "goes past Tor" not in program.output
