# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How soon an onion service is back after its tor was killed, beside a bare tor.

    python benchmarks/recovery.py [--json FILE] [--rounds N] [--quick]

Both are on one private network on this machine, and take turns: kill -9, until a stranger's dial
comes through.  See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from measuring.contenders import ONIONP2P
from measuring.faultlogs import logUnexpected
from measuring.results import Goal, Part
from measuring.runs import Recorder
from measuring.samples import Samples
from recovering.round import recover
from recovering.services import BARE, Bare, Ours, Service
from recovering.stranger import SECONDS_BETWEEN, Stranger
from twisted.internet.task import deferLater, react

from onionp2p import shutdown
from onionp2p.testing.environment import runningNetwork
from onionp2p.testing.network import PrivateNetwork
from onionp2p.waiting.running import whenRunning

_STEPS = {
    "answers": "until a new tor answers",
    "bootstrapped": "until it can build circuits",
    "uploaded": "until the first directory has the descriptor",
}
_SECONDS_TO_SETTLE = 8.0, 12.0


async def main(reactor: Any, *arguments: str) -> None:
    """
    Measure, and report.
    """
    options = _options(list(arguments))
    recorder = Recorder("recovery", options.json)
    logUnexpected()
    await whenRunning(reactor)
    network = None
    if runningNetwork() is None:
        network = PrivateNetwork(reactor, step=lambda text, _: _say(f"network: {text}"))
        await network.start()
        os.environ.update(network.environment)
    try:
        with tempfile.TemporaryDirectory(prefix="onionp2p-bench-") as folder:
            try:
                part = await _measure(reactor, folder, options.rounds)
            finally:
                await shutdown(reactor)
    finally:
        if network is not None:
            await network.stop()
    recorder.add(part)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How soon an onion service is back.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples there")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each is killed; 12")
    parser.add_argument("--quick", action="store_true", help="only see that all works")
    options = parser.parse_args(arguments)
    if options.rounds is None:
        options.rounds = 1 if options.quick else 12
    if options.rounds < 1:
        parser.error("--rounds takes 1 or more")
    return options


async def _measure(reactor: Any, folder: str, rounds: int) -> Part:
    shared = Path(os.environ["ONIONP2P_TORRC"]).read_text()
    for name in ("ours", "bare"):
        os.mkdir(os.path.join(folder, name), 0o700)
    services: list[Service] = [
        Ours(reactor, os.path.join(folder, "ours")),
        Bare(reactor, os.path.join(folder, "bare"), shared),
    ]
    stranger = Stranger(reactor, os.path.join(folder, "stranger"))
    samples = Samples()
    async with AsyncExitStack() as started:
        for service in services:
            await service.start()
            started.push_async_callback(service.stop)
            await stranger.reach(service.address)
        for number in range(rounds):
            for service in random.sample(services, len(services)):
                pause = random.uniform(*_SECONDS_TO_SETTLE)  # noqa: S311 - no secret
                await deferLater(reactor, pause)
                await stranger.reach(service.address)
                times = await recover(reactor, service, stranger)
                _say(f"{number + 1} of {rounds}, {service.name}: {times['dialled']:.2f} s")
                samples.add(service.name, times)
    return _part(samples, rounds)


def _part(samples: Samples, rounds: int) -> Part:
    goal = Goal(ONIONP2P, 1.3, BARE)
    return Part(
        "a",
        "From kill -9 of an onion service's tor until a stranger's dial comes through",
        f"{rounds} rounds on a private network; in each, both are killed, in random order, 8 to 12"
        " s after they were last back. The bare tor has the same lines and the onion in its torrc,"
        " and is launched again at once. The stranger's tor is up and has the old descriptor; from"
        f" the kill on he begins a dial every {SECONDS_BETWEEN:g} s, each by fresh circuits.",
        figures=[
            *(samples.figure(key, name, "s", BARE) for key, name in _STEPS.items()),
            samples.figure("dialled", "until a stranger's dial comes through", "s", BARE, goal),
        ],
    )


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    react(main, sys.argv[1:])
