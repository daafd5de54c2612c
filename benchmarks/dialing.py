# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What dialing costs, beside plain Twisted, a raw socket and txtorcon.

    python benchmarks/dialing.py [--json FILE] [--rounds N] [--quick] [a|b|c|d|e …]

The parts are: a, the data path against a stand-in for tor; b, dials through real tors; c, many
streams at once; d and e, the integrity of much data, against the stand-in and over tor.  b, c and e
start a private network on this machine: nothing leaves it.  See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from measuring.datapath import DataPath
from measuring.growth import Growth
from measuring.integrity import Integrity
from measuring.onions import Onions
from measuring.processes import network
from measuring.results import Part
from measuring.runs import Recorder

_MIB = 2**20
_NEED_THE_NETWORK = set("bce")


def main() -> None:
    """
    Measure, and report.
    """
    options = _options()
    recorder = Recorder("dialing", options.json)
    for part in _measure(options):
        recorder.add(part)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What dialing costs.")
    parser.add_argument("parts", nargs="*", metavar="a|b|c|d|e", help="by default, all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples there")
    parser.add_argument("--rounds", type=int, metavar="N", help="of part a, and dials of part b")
    parser.add_argument("--quick", action="store_true", help="only see that all works")
    options = parser.parse_args()
    options.parts = options.parts or list("abcde")
    for letter in options.parts:
        if letter not in list("abcde"):
            parser.error(f"there is no part {letter}")
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds takes 1 or more")
    return options


def _measure(options: argparse.Namespace) -> Iterator[Part]:
    quick, rounds = options.quick, options.rounds
    with ExitStack() as stack:
        if _NEED_THE_NETWORK.intersection(options.parts):
            up = stack.enter_context(network())
        for letter in options.parts:
            if letter == "a":
                full = DataPath(rounds or 15)
                yield (_quickDataPath(rounds or 2) if quick else full).measure(_say)
            elif letter == "b":
                few = Onions(rounds or 3, transfers=1, turns=1, size=_MIB)
                yield (few if quick else Onions(rounds or 200)).measure(_say, up)
            elif letter == "c":
                yield (Growth((10,), rounds=1) if quick else Growth()).measure(_say, up)
            elif letter == "d":
                yield Integrity((32 if quick else 1024) * _MIB).standInPart(_say)
            else:
                yield Integrity((1 if quick else 64) * _MIB).torPart(_say, up)


def _quickDataPath(rounds: int) -> DataPath:
    return DataPath(rounds, turns=2, size=4 * _MIB, connects=50, messages=100, speakers=50)


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
