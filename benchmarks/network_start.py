"""
How long a private network takes to start, step by step, until a stranger's first dial succeeds.

    python benchmarks/network_start.py [STARTS [VOTING_INTERVAL]]
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from typing import Any

from twisted.internet.endpoints import connectProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import react

from onionp2p import DialOptions, ListenOptions, TorOptions, shutdown
from onionp2p.endpoints import OnionClientEndpoint, OnionServerEndpoint
from onionp2p.testing.network import PrivateNetwork


async def start(reactor: Any, interval: int) -> dict[str, float]:
    """
    Start a network once.

    @return: seconds from the beginning to the beginning of each step.
    """
    began = time.perf_counter()
    steps: dict[str, float] = {}

    def mark(text: str, _: float = 0.0) -> None:
        steps[text] = time.perf_counter() - began

    network = PrivateNetwork(reactor, votingInterval=interval, step=mark)
    await network.start()
    try:
        os.environ.update(network.environment)
        server = OnionServerEndpoint(reactor, ListenOptions(port=1))
        port = await server.listen(Factory.forProtocol(Protocol))
        mark("onion published")
        # A stranger: with a tor of its own.
        state = os.path.join(network.folder, "stranger")
        options = DialOptions(port.getHost(), tor=TorOptions(state=state))
        stranger = await connectProtocol(OnionClientEndpoint(reactor, options), Protocol())
        mark("stranger's first dial")
        stranger.transport.loseConnection()
        await port.stopListening()
    finally:
        await shutdown(reactor)
        await network.stop()
    return steps


async def main(reactor: Any, starts: str = "20", interval: str = "20") -> None:
    """
    Start it several times and print the distribution.
    """
    runs = [await start(reactor, int(interval)) for _ in range(int(starts))]
    print(f"{starts} starts, voting interval {interval} s; seconds since the start")
    for step in runs[0]:
        seconds = sorted(run[step] for run in runs)
        print(
            f"{step:40} min {seconds[0]:6.2f}  median {statistics.median(seconds):6.2f}"
            f"  max {seconds[-1]:6.2f}"
        )


react(main, sys.argv[1:])
