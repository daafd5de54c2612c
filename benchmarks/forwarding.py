# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What carrying costs, beside C{socat} doing the same.

    python benchmarks/forwarding.py [--json FILE] [--rounds N] [--quick] [a|b]

The parts are: a, C{onionp2p reach} to what C{onionp2p publish} has made an onion, and socat to the
same onion through the same circuit; b, C{twistd onionp2p forward} from one UNIX socket to another,
and socat.  a starts a private network on this machine: nothing leaves it.  See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle, islice, permutations
from pathlib import Path

from measuring.carriers import (
    download,
    many,
    ours,
    roundTrip,
    running,
    serve,
    upload,
)
from measuring.circuits import circuitsTo, commonPort
from measuring.results import Check, Goal, Part
from measuring.runs import Recorder
from measuring.samples import Samples

_MIB = 2**20
_GIB = 2**30
_SOCAT, _AGAIN, _OURS = "socat", "socat again", "onionp2p"
_METHOD_A = (
    "One onion, one tor that dials, one circuit for all. {rounds} rounds: a round is, of each in"
    " turn, the median of {trips} round trips of 64 bytes on one connection, and {size} MiB in each"
    " direction on new ones, in all orders by turns. The second socat shows what"
    " noise alone does."
)
_METHOD_B = "From a UNIX socket to a UNIX socket: a round is as in a, with more of each."


def main() -> None:
    """
    Measure, and report.
    """
    options = _options()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if "a" in options.parts and "TOR_SOCKS_PORT" not in os.environ:
        network = ours("testnet", "run", "--client", "--")
        os.execv(sys.executable, [*network, sys.executable, *sys.argv])  # noqa: S606 - no shell
    recorder = Recorder("forwarding", options.json)
    with tempfile.TemporaryDirectory(prefix="carry-") as folder:
        for part in _measure(options, folder):
            recorder.add(part)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What carrying costs.")
    parser.add_argument("parts", nargs="*", metavar="a|b", help="by default, both")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples there")
    parser.add_argument("--rounds", type=int, metavar="N", help="how many, 3 or more")
    parser.add_argument("--quick", action="store_true", help="only see that all works")
    options = parser.parse_args()
    options.parts = options.parts or ["a", "b"]
    return options


def _measure(options: argparse.Namespace, folder: str) -> Iterator[Part]:
    rounds = options.rounds or (3 if options.quick else 24)
    with ExitStack() as stack:
        service = f"{folder}/service"
        stack.enter_context(serve(service))
        if "a" in options.parts:
            yield _throughTor(service, folder, rounds, quick=options.quick)
        if "b" in options.parts:
            yield _alone(service, folder, rounds, quick=options.quick)


def _throughTor(service: str, folder: str, rounds: int, *, quick: bool) -> Part:
    trips, size, streams = (5, _MIB, 20) if quick else (40, 4 * _MIB, 500)
    port = commonPort()
    samples, checks = Samples(), []
    with ExitStack() as stack:
        publish = ours("publish", f"unix:{service}", "--port", "4001", "--wait", "reachable")
        line = stack.enter_context(running(*publish, says="listening on"))
        address = line.split()[-1]
        label = address.removeprefix("/onion3/").partition(":")[0]
        places = {name: f"{folder}/{name}" for name in (_SOCAT, _OURS, _AGAIN)}
        reach = ours("reach", address, "--at", f"unix:{places[_OURS]}", "--socks", port)
        stack.enter_context(running(*reach, says="reachable at"))
        onion = f"SOCKS4A:127.0.0.1:{label}.onion:4001,socksport={port}"
        for name in (_SOCAT, _AGAIN):
            listen = f"UNIX-LISTEN:{places[name]},fork,backlog=1024"
            stack.enter_context(running("socat", listen, onion, path=places[name]))
        for place in places.values():
            roundTrip(place, 3)
        circuits = circuitsTo(label)
        for order in _orders(places, rounds):
            for name, place in order:
                measured = {"trip": roundTrip(place, trips) * 1e3}
                measured["received"] = download(place, size) * _GIB / size
                measured["sent"] = upload(place, size) * _GIB / size
                samples.add(name, measured)
        still = circuitsTo(label)
        text = f"circuits that they went by: {len({*circuits, *still})}"
        checks.append(Check(text, len(circuits) == 1 and circuits == still))
        for name in (_OURS, _SOCAT):
            answered, seconds = many(places[name], streams)
            text = f"{streams} streams at once by {name}: {answered} answered, in {seconds:.1f} s"
            checks.append(Check(text, answered == streams))
    goal = Goal(_OURS, 1.05, _SOCAT)
    figures = [
        samples.figure("trip", "Round trip of 64 bytes, median of each round", "ms", _SOCAT, goal),
        samples.figure("received", "Clock per GiB received", "s", _SOCAT, goal),
        samples.figure("sent", "Clock per GiB sent", "s", _SOCAT, goal),
    ]
    method = _METHOD_A.format(rounds=rounds, trips=trips, size=size // _MIB)
    return Part("a", "Through tor, against socat", method, figures, checks)


def _alone(service: str, folder: str, rounds: int, *, quick: bool) -> Part:
    trips, size = (100, 4 * _MIB) if quick else (2000, 256 * _MIB)
    samples = Samples()
    with ExitStack() as stack:
        places = {_OURS: f"{folder}/forward", _SOCAT: f"{folder}/plain"}
        twistd = "from twisted.scripts.twistd import run; run()"
        forward = ["-n", "--pidfile=", "--logfile=/dev/null", "onionp2p", "forward"]
        ends = [f"--listen=unix:{places[_OURS]}", f"--dial=unix:{service}"]
        commands = {
            _OURS: [sys.executable, "-c", twistd, *forward, *ends],
            _SOCAT: ["socat", f"UNIX-LISTEN:{places[_SOCAT]},fork", f"UNIX-CONNECT:{service}"],
        }
        for name, command in commands.items():
            stack.enter_context(running(*command, path=places[name]))
        for order in _orders(places, rounds):
            for name, place in order:
                measured = {"trip": roundTrip(place, trips) * 1e6}
                measured["clock"] = download(place, size) * _GIB / size
                samples.add(name, measured)
    figures = [
        samples.figure("trip", "Round trip of 64 bytes, median of each round", "µs", _SOCAT),
        samples.figure("clock", "Clock per GiB received", "s", _SOCAT),
    ]
    return Part("b", "Without tor, against socat", _METHOD_B, figures)


def _orders(places: dict[str, str], rounds: int) -> Iterator[tuple[tuple[str, str], ...]]:
    """
    Give who comes when in each round, by name and place: all orders in turn.
    """
    return islice(cycle(permutations(places.items())), rounds)


if __name__ == "__main__":
    main()
