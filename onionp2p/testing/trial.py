# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
For those who test with trial: a test case on a private Tor network.
"""

from __future__ import annotations

from contextlib import ExitStack

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from onionp2p.testing.environment import environment, runningNetwork
from onionp2p.testing.network import PrivateNetwork
from onionp2p.tor.pool import shutdown

__all__ = ["PrivateNetworkTestCase"]


class PrivateNetworkTestCase(TestCase):
    """
    A test case whose endpoint strings join a private Tor network.

    Each test gets a network of its own, which takes 5 s, unless trial itself runs in one::

        onionp2p testnet run -- trial mypackage
    """

    timeout = 120.0

    def setUp(self) -> Deferred[None]:  # type: ignore[override]
        """
        Start the network, if there is none.
        """
        return Deferred.fromCoroutine(self._join())

    async def _join(self) -> None:
        from twisted.internet import reactor

        variables = runningNetwork()
        if variables is None:
            network = PrivateNetwork(reactor)
            await network.start()
            self.addCleanup(lambda: Deferred.fromCoroutine(network.stop()))
            variables = network.environment
        joined = ExitStack()
        joined.enter_context(environment(variables))
        self.addCleanup(joined.close)
        self.addCleanup(shutdown, reactor)
