# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The fuzz target for libp2p's parsers finds nothing, and would find what it is for.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from onionp2p.libp2p.multistream import Chooser
from onionp2p.libp2p.wire import Message
from onionp2p.libp2p.yamux import Session
from onionp2p.libp2p.yamuxevents import Event

TARGET = str(Path(__file__).with_name("fuzz_libp2p.py"))
INPUTS, SEED = 5000, 4


def run(**replaced: Any) -> set[str]:
    """Run some inputs, with these in the place of the real ones, and give all they came to."""
    target = runpy.run_path(TARGET)
    test = target["TestOneInput"]
    test.__globals__.update(replaced)
    return set(map(test, target["inputs"](INPUTS, SEED)))


def test_anyPeerGivesATypedError() -> None:
    """
    Whatever a peer sends, in whatever pieces, each parser gives a result, waits, or fails with an
    error of ours.
    """
    assert run() >= {
        "message: message",
        "message: WireError",
        "identification: told",
        "identification: waits",
        "identification: WireError",
        "proof: proven",
        "proof: HandshakeError",
        "proof: IdentityError",
        "proof: IdentityUnproven",
        "lengths: waits",
        "lengths: HandshakeError",
        "proposing: /a",
        "proposing: /b",
        "proposing: None",
        "proposing: MultistreamError",
        "choosing: /a",
        "choosing: None",
        "choosing: MultistreamError",
        "streams: ok",
        "streams: YamuxError",
    }


class _Crashes(Message):
    """Fails with an error of another kind."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        if len(self._fields) == 3:
            raise KeyError


class _ForgetsWhatFollows(Chooser):
    """Drops what comes with the agreement."""

    def receive(self, data: bytes) -> bytes:
        written = super().receive(data)
        self.rest = b""
        return written


class _KeepsAll(Session):
    """Never forgets."""

    def receive(self, data: bytes) -> list[Event]:
        self.all = getattr(self, "all", b"") + data
        return super().receive(data)


class _KnowsNoLimit(Session):
    """Lets any number of streams in."""

    def __init__(self, *, dialer: bool, inboundLimit: int) -> None:
        super().__init__(dialer=dialer, inboundLimit=1000)


@pytest.mark.parametrize(
    "replaced",
    [
        {"Message": _Crashes},
        {"Chooser": _ForgetsWhatFollows},
        {"Session": _KeepsAll},
        {"Session": _KnowsNoLimit},
    ],
    ids=str,
)
def test_findsWhatItIsFor(replaced: dict[str, Any]) -> None:
    """
    A parser that is wrong is found out by these few inputs.
    """
    with pytest.raises((AssertionError, KeyError)):
        run(**replaced)
