"""
How long tor takes from its spawn until it answers, and whether it always does.

    python benchmarks/launches.py [COUNT]

The tors stay off every network (DisableNetwork).
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from twisted.internet.task import react

from onionp2p.options import TorOptions
from onionp2p.tor.launch import launchTor
from onionp2p.tor.rundir import RunDirectory

OFFLINE = Path(__file__).parent.parent / "tests" / "offline.torrc"


async def main(reactor: Any, count: str = "100") -> None:
    """
    Launch and end C{count} tors, one after the other, and print the distribution.
    """
    launches, ends = [], []
    with tempfile.TemporaryDirectory() as folder:
        options = TorOptions(torrc=str(OFFLINE), state=os.path.join(folder, "state"))
        for _ in range(int(count)):
            run = RunDirectory()
            began = time.perf_counter()
            tor = await launchTor(reactor, options, run)
            answered = time.perf_counter()
            await tor.end()
            ends.append(time.perf_counter() - answered)
            launches.append(answered - began)
            run.remove()
    print(f"{count} launches, {count} up")
    for name, seconds in (("until it answers", launches), ("until it is gone", ends)):
        print(
            f"{name}: median {statistics.median(seconds):.3f} s,"
            f" min {min(seconds):.3f} s, max {max(seconds):.3f} s"
        )


react(main, sys.argv[1:])
