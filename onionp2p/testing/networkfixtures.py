# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
pytest's fixtures for tests on a private Tor network.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from onionp2p.testing.network import PrivateNetwork

__all__ = ["tor_environment", "tor_network"]


@pytest.fixture(scope="session")
def tor_network() -> Iterator[PrivateNetwork]:
    """
    A private Tor network that is up for the whole session.
    """
    from pytest_twisted import blockon
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred

    network = PrivateNetwork(reactor)
    blockon(Deferred.fromCoroutine(network.start()))
    yield network
    blockon(Deferred.fromCoroutine(network.stop()))


@pytest.fixture
def tor_environment(
    tor_network: PrivateNetwork, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """
    Has every endpoint of the test, and of the programs that it starts, join the network; ends the
    tors that the test's own endpoints have launched.
    """
    from pytest_twisted import blockon
    from twisted.internet import reactor

    from onionp2p.tor.pool import shutdown

    for name, value in tor_network.environment.items():
        monkeypatch.setenv(name, value)
    yield tor_network.environment
    blockon(shutdown(reactor))
