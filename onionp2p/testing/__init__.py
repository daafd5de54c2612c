# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Testing programs that use Tor, without Tor and without the Internet.

L{MemoryReactor} is a reactor that waits for nothing and opens nothing; L{FakeNetwork} makes every
endpoint of a reactor, that one or a real one, use tors that only pretend::

    def test_echo(memory_reactor, fake_network):
        listening = serverFromString(memory_reactor, "onionp2p:listen:port=7").listen(Echoes())
        port = memory_reactor.resultOf(listening)

What may go wrong with a tor is a value to hand to L{FakeNetwork.on}: see
L{onionp2p.testing.faketor.faults}.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onionp2p.leaks import LeakGuard
    from onionp2p.testing.faketor.network import FakeNetwork
    from onionp2p.testing.faketor.tor import FakeTor
    from onionp2p.testing.memory import MemoryReactor
    from onionp2p.testing.network import PrivateNetwork
    from onionp2p.testing.recording import RecordingFactory, RecordingProtocol

__all__ = [
    "FakeNetwork",
    "FakeTor",
    "LeakGuard",
    "MemoryReactor",
    "PrivateNetwork",
    "RecordingFactory",
    "RecordingProtocol",
]

_MODULES = {
    "FakeNetwork": "onionp2p.testing.faketor.network",
    "LeakGuard": "onionp2p.leaks",
    "PrivateNetwork": "onionp2p.testing.network",
    "FakeTor": "onionp2p.testing.faketor.tor",
    "MemoryReactor": "onionp2p.testing.memory",
    "RecordingFactory": "onionp2p.testing.recording",
    "RecordingProtocol": "onionp2p.testing.recording",
}


def __getattr__(name: str) -> object:
    """
    Import what is asked for and no more: pytest imports this for every test run.
    """
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
