# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What libp2p costs, ours beside js-libp2p's.

    python benchmarks/libp2p.py [--json FILE] [--rounds N] [--quick] [--packages DIR]

Peers of both on loopback, in processes of their own, connect, send much on a stream, and little
there and back: ours with ours, with js-libp2p both ways, and js-libp2p with itself.  See
docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from measuring.results import Part
from measuring.runs import Recorder
from measuring.samples import Samples

_HERE = Path(__file__).parent / "measuring"
_OLDER = _HERE.parent.parent / "docs" / "examples" / "libp2p-nodes" / "older-node.mjs"
_MIB = 2**20
_OURS, _JS = "ours", "js"
_TICK = os.sysconf("SC_CLK_TCK")
_METHOD = (
    "Over TCP on 127.0.0.1. A round is, of each pair in turn, {connects} connections made and"
    " closed one after the other, {trips} messages of 32 bytes there and back on a stream, and"
    " {size} MiB on another. CPU time is that of both processes together."
)


class _Node:
    """
    A peer in a process of its own.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.address: str = self._line()["address"]

    def measure(self, what: str, listener: _Node, amount: int) -> tuple[float, float]:
        """
        Have it dial another.

        @return: seconds of the clock, as the peer gives them, and of CPU time in all, of both.
        """
        before = self._cpu() + listener._cpu()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([what, listener.address, amount]) + "\n")
        self._process.stdin.flush()
        clock = float(self._line())
        return clock, self._cpu() + listener._cpu() - before

    def _line(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("a peer has ended")
        return json.loads(line)

    def _cpu(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK


def main() -> None:
    """
    Measure, and report.
    """
    options = _options()
    rounds = options.rounds or (2 if options.quick else 9)
    amounts = {"connects": 40, "trips": 2000, "upload": 32 * _MIB}
    if options.quick:
        amounts = {"connects": 3, "trips": 20, "upload": _MIB}
    recorder = Recorder("libp2p", options.json)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="libp2p-")))
        ours = [sys.executable, str(_HERE / "libp2ppeer.py")]
        js = _nodeCommand(folder, options.packages)
        dialers, listeners = (
            {
                _OURS: stack.enter_context(_running(ours)),
                _JS: stack.enter_context(_running(js)),
            }
            for _ in range(2)
        )
        pairs = [(dialer, listener) for dialer in dialers for listener in listeners]
        samples = Samples()
        for number in range(-1, rounds):  # in the first, js's code is compiled
            for dialer, listener in pairs if number % 2 else pairs[::-1]:
                measured = {}
                for what, amount in amounts.items():
                    clock, cpu = dialers[dialer].measure(what, listeners[listener], amount)
                    measured[what] = clock * (1 if what == "upload" else 1000)
                    measured[f"cpu {what}"] = cpu / amount * (2**30 if what == "upload" else 1000)
                if number >= 0:
                    samples.add(f"{dialer} -> {listener}", measured)
    recorder.add(_part(samples, amounts))


def _part(samples: Samples, amounts: dict[str, int]) -> Part:
    base = f"{_JS} -> {_JS}"
    names = {
        "connects": ("Connecting and closing", "ms"),
        "trips": ("Round trip on a stream", "ms"),
        "upload": ("Sending a GiB on one stream", "s"),
    }
    figures = []
    for key, (name, unit) in names.items():
        figures.append(samples.figure(key, f"{name}, clock", unit, base))
        figures.append(samples.figure(f"cpu {key}", f"{name}, CPU of both", unit, base))
    size = amounts["upload"] // _MIB
    method = _METHOD.format(size=size, connects=amounts["connects"], trips=amounts["trips"])
    return Part("a", "libp2p on loopback", method, figures)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What libp2p costs.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples there")
    parser.add_argument("--rounds", type=int, metavar="N", help="how many, 2 or more")
    parser.add_argument("--quick", action="store_true", help="only see that all works")
    parser.add_argument(
        "--packages", type=Path, metavar="DIR", help="the node_modules that has js-libp2p"
    )
    options = parser.parse_args()
    if options.packages is None:
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "onionp2p"
        found = sorted(
            caches.glob("js-libp2p-*/node_modules"), key=lambda path: path.stat().st_mtime
        )
        if not found:
            parser.error("js-libp2p is not installed: run nox -s interop once, or give --packages")
        options.packages = found[-1]
    return options


def _nodeCommand(folder: Path, packages: Path) -> list[str]:
    """
    Put the script where its packages are found, beside it.
    """
    (folder / "node_modules").symlink_to(packages.resolve())
    for path in (_HERE / "libp2pnode.mjs", _OLDER):
        shutil.copy(path, folder)
    return ["node", f"--import={(folder / _OLDER.name).as_uri()}", str(folder / "libp2pnode.mjs")]


@contextmanager
def _running(command: list[str]) -> Iterator[_Node]:
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        yield _Node(process)
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
