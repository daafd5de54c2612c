# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
An onion service and its dialer under faults, for as long as asked.

    python benchmarks/soak.py [--minutes N] [--seed N] [--every SECONDS] [--faults KIND,…]
                              [--watchdog SECONDS] [--quick] [--json FILE]

It starts a private network on this machine, which nothing leaves.  It ends with 1 when something
grows, never comes back, or comes back other than it was sent.  See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from measuring.faultlogs import logUnexpected
from measuring.runs import Recorder
from soaking.faults import Kind
from soaking.report import part, text
from soaking.run import Run, Settings
from twisted.internet.task import react


async def main(reactor: Any, *arguments: str) -> None:
    """
    Soak, and report.
    """
    options = _options(list(arguments))
    recorder = Recorder("soak", options.json)
    logUnexpected()
    settings = Settings(
        seconds=options.minutes * 60,
        seed=options.seed,
        every=options.every,
        kinds=options.faults,
        watchdog=options.watchdog,
    )
    result = await Run(reactor, settings, _say).run()
    report = part(settings, result)
    recorder.add(report, text(settings, result))
    if not all(check.passed for check in report.checks):
        raise SystemExit(1)


def _options(arguments: list[str]) -> argparse.Namespace:
    every = ",".join(kind.value for kind in Kind)
    parser = argparse.ArgumentParser(description="An onion service under faults.")
    parser.add_argument("--minutes", type=_positive, metavar="N", help="10 if not said")
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="of the faults; 7")
    parser.add_argument(
        "--every", type=_positive, metavar="SECONDS", help="one fault each so often; 30"
    )
    parser.add_argument(
        "--faults", type=_kinds, default=tuple(Kind), metavar="KIND,…", help=f"of {every}; all"
    )
    parser.add_argument(
        "--watchdog",
        type=_positive,
        default=5.0,
        metavar="SECONDS",
        help="ask a tor so often whether it is there; 5, and not the 30 of other programs",
    )
    parser.add_argument("--quick", action="store_true", help="only see that all works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples there")
    options = parser.parse_args(arguments)
    options.minutes = options.minutes or (0.6 if options.quick else 10.0)
    options.every = options.every or (9.0 if options.quick else 30.0)
    return options


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError(text)
    return number


def _kinds(text: str) -> tuple[Kind, ...]:
    return tuple(Kind(word) for word in text.split(","))


def _say(words: str) -> None:
    print(f"  {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    react(main, sys.argv[1:])
