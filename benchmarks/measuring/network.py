# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A private network with an onion service in it, and a tor for those who dial it.

    python -m measuring.network

When all are up it prints a JSON object: C{label}, the service's 56 characters; C{folder}, where
the tor's C{socks} is.  For each line of its standard input it has that tor close its circuits to
onions, and prints how many; it ends with its input.  The service has a tor of its own.  Within
C{onionp2p testnet run}, it is that network.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.internet.stdio import StandardIO
from twisted.internet.task import react
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure

from measuring.logs import logErrors
from measuring.requests import Port
from measuring.service import ServiceFactory
from onionp2p import ListenOptions, OnionServerEndpoint, TorOptions, shutdown
from onionp2p.errors import TorRefusedCommand
from onionp2p.testing.environment import runningNetwork
from onionp2p.testing.network import PrivateNetwork
from onionp2p.tor.control import TorControl
from onionp2p.tor.pool import leaseTor

_CIRCUIT = re.compile(r"^(\d+) .*\bPURPOSE=HS_CLIENT_REND\b", re.MULTILINE)


class _Requests(LineReceiver):
    """
    Has circuits closed when it is asked to, until the end of standard input.
    """

    delimiter = b"\n"

    def __init__(self, control: TorControl) -> None:
        self._control = control
        self.ended: Deferred[None] = Deferred()

    def lineReceived(self, line: bytes) -> None:
        Deferred.fromCoroutine(self._close()).addErrback(self._failed)

    async def _close(self) -> None:
        circuits = _CIRCUIT.findall(await self._control.getInfo("circuit-status"))
        for circuit in circuits:
            with suppress(TorRefusedCommand):  # it has ended by itself
                await self._control.command(f"CLOSECIRCUIT {circuit}")
        print(len(circuits), flush=True)

    def _failed(self, failure: Failure) -> None:
        if not self.ended.called:
            self.ended.errback(failure)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.ended.called:
            self.ended.callback(None)


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
    requests = _Requests(tor.control)
    StandardIO(requests)
    folder = os.path.dirname(tor.socks.path)
    print(json.dumps({"label": port.getHost().label, "folder": folder}), flush=True)
    await requests.ended
    await port.stopListening()
    lease.release()


def _say(text: str, fraction: float) -> None:
    print(f"  network: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    react(main)
