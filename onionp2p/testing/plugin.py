# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What pytest finds of us by itself: the fixtures, where onionp2p is installed.

pytest imports this in every run there, so it imports neither a reactor nor tor's rooms.
"""

from __future__ import annotations

from onionp2p.testing.leakfixtures import leak_guard, pytest_configure
from onionp2p.testing.memoryfixtures import fake_network, memory_reactor
from onionp2p.testing.networkfixtures import (
    _network_environment,
    _network_member,
    tor_dial,
    tor_environment,
    tor_listen,
    tor_network,
)

__all__ = [
    "_network_environment",
    "_network_member",
    "fake_network",
    "leak_guard",
    "memory_reactor",
    "pytest_configure",
    "tor_dial",
    "tor_environment",
    "tor_listen",
    "tor_network",
]
