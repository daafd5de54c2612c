# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How long tor takes from its spawn until it answers, and whether it always does.

    python benchmarks/launches.py [--json FILE] [--rounds N] [--quick]

The tors stay off every network (DisableNetwork).  See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measuring.results import Check, Part
from measuring.runs import Recorder
from measuring.samples import Samples
from twisted.internet.task import react

from onionp2p.errors import TorError
from onionp2p.options import TorOptions
from onionp2p.tor.launch import launchTor
from onionp2p.tor.rundir import RunDirectory

_OFFLINE = Path(__file__).parent.parent / "tests" / "offline.torrc"
_TOR = "tor"
_METHOD = (
    "{rounds} launches, one after the other, on one DataDirectory. A tor answers when its control"
    " connection is authenticated; it is gone when its process has been waited for."
)


async def main(reactor: Any, *arguments: str) -> None:
    """
    Measure, and report.
    """
    options = _options(list(arguments))
    recorder = Recorder("launches", options.json)
    samples, failed = Samples(), 0
    with tempfile.TemporaryDirectory(prefix="onionp2p-bench-") as folder:
        tor = TorOptions(torrc=str(_OFFLINE), state=os.path.join(folder, "state"))
        for _ in range(options.rounds):
            try:
                samples.add(_TOR, await _launch(reactor, tor))
            except TorError as error:
                print(f"  {error}", file=sys.stderr, flush=True)
                failed += 1
    recorder.add(
        Part(
            "a",
            "Launching tor",
            _METHOD.format(rounds=options.rounds),
            [
                samples.figure("up", "from the spawn until it answers", "ms"),
                samples.figure("gone", "from being told to end until it is gone", "ms"),
            ],
            [Check(f"{options.rounds} launches: {failed} failed", not failed)],
        )
    )


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How long tor takes until it answers.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples there")
    parser.add_argument("--rounds", type=int, metavar="N", help="how many launches; 100")
    parser.add_argument("--quick", action="store_true", help="only see that all works")
    options = parser.parse_args(arguments)
    if options.rounds is None:
        options.rounds = 3 if options.quick else 100
    if options.rounds < 1:
        parser.error("--rounds takes 1 or more")
    return options


async def _launch(reactor: Any, options: TorOptions) -> dict[str, float]:
    """
    Launch a tor and end it.

    @return: the milliseconds of each.
    """
    run = RunDirectory()
    try:
        began = time.perf_counter()
        tor = await launchTor(reactor, options, run)
        up = time.perf_counter()
        await tor.end()
        return {"up": 1000 * (up - began), "gone": 1000 * (time.perf_counter() - up)}
    finally:
        run.remove()


if __name__ == "__main__":
    react(main, sys.argv[1:])
