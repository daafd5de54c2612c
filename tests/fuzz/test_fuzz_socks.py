# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The fuzz target finds nothing, and would find what it is for.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from onionp2p.dialing.socks import SocksClient

TARGET = str(Path(__file__).with_name("fuzz_socks.py"))
INPUTS, SEED = 5000, 4


def run(client: Any = SocksClient) -> set[str]:
    """Run some inputs on C{client}, and give all that they came to."""
    target = runpy.run_path(TARGET)
    test = target["TestOneInput"]
    test.__globals__["SocksClient"] = client
    return set(map(test, target["inputs"](INPUTS, SEED)))


def test_anyServerGivesATypedError() -> None:
    """
    Whatever a server sends, in whatever pieces, a dial connects, waits, or fails with a DialError.
    """
    came = run()
    assert {"connected", "waiting", "SocksProtocolError", "DescriptorNotFound"} <= came


class _ForgetsWhatFollows(SocksClient):
    """Drops what comes with the reply."""

    def receive(self, data: bytes) -> bytes:
        written = super().receive(data)
        self.rest = b""
        return written


class _RunsAhead(SocksClient):
    """Writes the credentials before it is asked."""

    def receive(self, data: bytes) -> bytes:
        return super().receive(data) or b"\x01"


class _Crashes(SocksClient):
    """Fails with an error of another kind."""

    def receive(self, data: bytes) -> bytes:
        return super().receive(data) if data[0] < 250 else bytes([256])


class _KeepsAll(SocksClient):
    """Never forgets."""

    def receive(self, data: bytes) -> bytes:
        self.all = getattr(self, "all", b"") + data * 100
        return super().receive(data)


@pytest.mark.parametrize("client", [_ForgetsWhatFollows, _RunsAhead, _Crashes, _KeepsAll])
def test_findsWhatItIsFor(client: type[SocksClient]) -> None:
    """
    A client that is wrong is found out by these few inputs.
    """
    with pytest.raises((AssertionError, ValueError)):
        run(client)
