# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How long a private network takes to start, step by step, until a stranger's first dial succeeds.

    python benchmarks/network_start.py [--json FILE] [--rounds N] [--quick] [--interval SECONDS]

Nothing leaves this machine.  See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measuring.results import Part
from measuring.runs import Recorder
from measuring.samples import Samples
from twisted.internet.endpoints import connectProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import react

from onionp2p import DialOptions, ListenOptions, TorOptions, shutdown
from onionp2p.endpoints import OnionClientEndpoint, OnionServerEndpoint
from onionp2p.testing.environment import environment
from onionp2p.testing.network import PrivateNetwork

_NETWORK = "network"
_UP = "up"
"""What a network says when it has nothing more to do."""

_METHOD = (
    "{rounds} starts, one after the other; the authorities vote every {interval:g} s. The seconds"
    " are from the first launch until the step is done. Then somebody with a tor of their own, new"
    " to the network, dials the onion for the first time."
)


async def main(reactor: Any, *arguments: str) -> None:
    """
    Measure, and report.
    """
    options = _options(list(arguments))
    recorder = Recorder("network_start", options.json)
    samples = Samples()
    steps: dict[str, float] = {}
    for number in range(options.rounds):
        steps = await _start(reactor, options.interval)
        print(f"  {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
        samples.add(_NETWORK, steps)
    method = _METHOD.format(rounds=options.rounds, interval=options.interval)
    figures = [samples.figure(step, step, "s") for step in steps]
    recorder.add(Part("a", "From nothing to a dial of an onion", method, figures))


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How long a private network takes to start.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples there")
    parser.add_argument("--rounds", type=int, metavar="N", help="how many starts; 20")
    parser.add_argument("--quick", action="store_true", help="only see that all works")
    parser.add_argument(
        "--interval", type=int, default=20, metavar="SECONDS", help="from one vote to the next; 20"
    )
    options = parser.parse_args(arguments)
    if options.rounds is None:
        options.rounds = 2 if options.quick else 20
    if options.rounds < 1:
        parser.error("--rounds takes 1 or more")
    return options


async def _start(reactor: Any, interval: int) -> dict[str, float]:
    """
    Start a network once.

    @return: seconds from the beginning until each step was done.
    """
    began = time.perf_counter()
    done: dict[str, float] = {}
    steps: list[str] = []

    def step(text: str, _: float = 0.0) -> None:
        """What begins is told; so what was told before is done."""
        if steps and steps[-1] != _UP:
            done[steps[-1]] = time.perf_counter() - began
        steps.append(text)

    network = PrivateNetwork(reactor, votingInterval=interval, step=step)
    await network.start()
    try:
        with environment(network.environment):
            await _use(reactor, network, step)
    finally:
        await network.stop()
    return done


async def _use(reactor: Any, network: PrivateNetwork, step: Callable[[str], None]) -> None:
    try:
        step("onion published")
        server = OnionServerEndpoint(reactor, ListenOptions(port=1))
        port = await server.listen(Factory.forProtocol(Protocol))
        step("stranger's first dial")
        state = os.path.join(network.folder, "stranger")
        dial = DialOptions(port.getHost(), tor=TorOptions(state=state))
        stranger = await connectProtocol(OnionClientEndpoint(reactor, dial), Protocol())
        step("")
        stranger.transport.loseConnection()
        await port.stopListening()
    finally:
        await shutdown(reactor)


if __name__ == "__main__":
    react(main, sys.argv[1:])
