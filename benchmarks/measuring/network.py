# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A private network with an onion service in it, and a tor for those who dial it.

    python -m measuring.network

When all are up it prints a JSON object: C{label}, the service's 56 characters; C{folder}, where
the tor's C{socks} is.  It ends with its standard input.  The service has a tor of its own.  Within
C{onionp2p testnet run}, it is that network.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.stdio import StandardIO
from twisted.internet.task import react
from twisted.python.failure import Failure

from measuring.logs import logErrors
from measuring.requests import Port
from measuring.service import ServiceFactory
from onionp2p import ListenOptions, OnionServerEndpoint, TorOptions, shutdown
from onionp2p.testing.environment import runningNetwork
from onionp2p.testing.network import PrivateNetwork
from onionp2p.tor.pool import leaseTor


class _UntilTheEnd(Protocol):
    """
    Waits for the end of standard input.
    """

    def __init__(self) -> None:
        self.reached: Deferred[None] = Deferred()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.reached.callback(None)


async def main(reactor: Any) -> None:
    """
    Be up until nobody needs it.
    """
    logErrors()
    network = None
    if runningNetwork() is None:
        network = PrivateNetwork(reactor, step=_say)
        await network.start()
        os.environ.update(network.environment)
    try:
        with tempfile.TemporaryDirectory(prefix="onionp2p-bench-") as folder:
            await _serve(reactor, TorOptions(state=os.path.join(folder, "state")))
    finally:
        await shutdown(reactor)
        if network is not None:
            await network.stop()


async def _serve(reactor: Any, ofTheService: TorOptions) -> None:
    endpoint = OnionServerEndpoint(reactor, ListenOptions(Port.ASKED, tor=ofTheService))
    port: Any = await endpoint.listen(ServiceFactory())
    lease = leaseTor(reactor, TorOptions())
    tor = await lease.bootstrapped()
    end = _UntilTheEnd()
    StandardIO(end)
    folder = os.path.dirname(tor.socks.path)
    print(json.dumps({"label": port.getHost().label, "folder": folder}), flush=True)
    await end.reached
    await port.stopListening()
    lease.release()


def _say(text: str, fraction: float) -> None:
    print(f"  network: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    react(main)
