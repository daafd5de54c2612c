# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Fixtures for pytest that need no tor.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import pytest

from onionp2p.testing import FakeNetwork, MemoryReactor

__all__ = ["fake_network", "memory_reactor"]


@pytest.fixture
def memory_reactor() -> Iterator[MemoryReactor]:
    """
    A reactor in memory, which runs until the test's end.  Then it stops, as at a program's end,
    and the test fails if there are delayed calls or sockets in it still.
    """
    reactor = MemoryReactor()
    reactor.start()
    yield reactor
    _stop(reactor)
    assert reactor.leftovers() == []


@pytest.fixture
def fake_network(
    memory_reactor: MemoryReactor, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeNetwork]:
    """
    A network of fake tors for the endpoints of L{memory_reactor}.  The test fails if, after the
    reactor's end, anything is left in the folder of the sockets.
    """
    # Not tmp_path, which is often too long for sockets.
    with tempfile.TemporaryDirectory(prefix="fake-") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        with FakeNetwork(memory_reactor) as network:
            yield network
            _stop(memory_reactor)
        assert os.listdir(folder) == []


def _stop(reactor: MemoryReactor) -> None:
    if reactor.running:
        reactor.stop()
        reactor.advance(0)
