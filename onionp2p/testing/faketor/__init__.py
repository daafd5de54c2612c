# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A tor that only pretends, to test what uses tor: no process, no network, no waiting.
"""

from __future__ import annotations

from onionp2p.testing.faketor.faults import (
    Cut,
    Delay,
    Die,
    Drop,
    Fail,
    Hang,
    Ignore,
    Impersonate,
    JoinFirstBytes,
    Refuse,
    Reply,
    Stall,
)
from onionp2p.testing.faketor.network import FakeNetwork
from onionp2p.testing.faketor.tor import FakeTor

__all__ = [
    "Cut",
    "Delay",
    "Die",
    "Drop",
    "Fail",
    "FakeNetwork",
    "FakeTor",
    "Hang",
    "Ignore",
    "Impersonate",
    "JoinFirstBytes",
    "Refuse",
    "Reply",
    "Stall",
]
