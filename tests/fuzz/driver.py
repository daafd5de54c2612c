# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How a fuzz target is run: guided by coverage, with atheris; or by itself, with damaged examples.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

try:
    import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]
except ImportError:
    atheris = None

__all__ = ["damaged", "instrumented", "run"]


def instrumented(*modules: str) -> AbstractContextManager[object]:
    """
    Have atheris see which lines of these modules run that are imported within.
    """
    seen: AbstractContextManager[object] = nullcontext()
    if atheris is not None:
        seen = atheris.instrument_imports(include=list(modules))
    return seen


def damaged(data: bytes, source: random.Random) -> bytes:
    """
    Cut, change, add to and repeat a piece of some bytes, twice at most.
    """
    noise, number = source.randbytes, source.random
    for _ in range(int(number() * 3)):
        at, kind = int(number() ** 2 * len(data)), int(number() * 5)
        if kind == 0:
            data = data[:at]
        elif kind == 1:
            data = data[:at] + noise(1) + data[at + 1 :]
        elif kind == 2:
            data = data[:at] + noise(int(number() * 8)) + data[at:]
        elif kind == 3:
            data = data[:at] + data[at + int(number() * 8) :]
        else:
            data = data[:at] + data[int(number() * len(data)) :]
    return data


def run(
    testOneInput: Callable[[bytes], str], inputs: Callable[[int, int], Iterator[bytes]]
) -> None:
    """
    Do what the command line says, and report.

    @param testOneInput: the target: says what came of an input, or raises.
    @param inputs: makes so many inputs, from a seed.
    """
    if "--inputs" not in sys.argv:
        if atheris is None:
            sys.exit("atheris is not installed here: give --inputs N, and perhaps --seed N")
        atheris.Setup(sys.argv, testOneInput)
        atheris.Fuzz()
    parser = argparse.ArgumentParser(description="Run random inputs.")
    parser.add_argument("--inputs", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.perf_counter()
    came = Counter(map(testOneInput, inputs(options.inputs, options.seed)))
    print(f"{options.inputs} inputs, seed {options.seed}, {time.perf_counter() - began:.1f} s")
    for name, count in came.most_common():
        print(f"{count:9}  {name}")
