# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What carrying costs, beside C{socat} doing the same.

    python benchmarks/forwarding.py [--json FILE] [--rounds N] [--quick] [a|b]

The parts are: a, C{onionp2p reach} to what C{onionp2p publish} has made an onion, and socat to the
same onion through the same tor; b, C{twistd onionp2p forward} from one UNIX socket to another, and
socat.  a starts a private network on this machine: nothing leaves it.  See
docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
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
from measuring.results import Check, Goal, Part
from measuring.runs import Recorder
from measuring.samples import Samples

_MIB = 2**20
_GIB = 2**30
_SOCAT, _OURS = "socat", "onionp2p"
_METHOD_A = (
    "One onion, one tor that dials. A round is, of each in turn, the median of so many round trips"
    " of 64 bytes on one connection, and {size} MiB in each direction on new ones."
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
    rounds = options.rounds or (3 if options.quick else 12)
    with ExitStack() as stack:
        service = f"{folder}/service"
        stack.enter_context(serve(service))
        if "a" in options.parts:
            yield _throughTor(service, folder, rounds, quick=options.quick)
        if "b" in options.parts:
            yield _alone(service, folder, rounds, quick=options.quick)


def _throughTor(service: str, folder: str, rounds: int, *, quick: bool) -> Part:
    trips, size, streams = (5, _MIB, 20) if quick else (40, 4 * _MIB, 500)
    host, port = os.environ["TOR_SOCKS_HOST"], os.environ["TOR_SOCKS_PORT"]
    samples, checks = Samples(), []
    with ExitStack() as stack:
        publish = ours("publish", f"unix:{service}", "--port", "4001", "--wait", "reachable")
        line = stack.enter_context(running(*publish, says="listening on"))
        address = line.split()[-1]
        label = address.removeprefix("/onion3/").partition(":")[0]
        places = {_OURS: f"{folder}/ours", _SOCAT: f"{folder}/socat"}
        reach = ours("reach", address, "--at", f"unix:{places[_OURS]}", "--socks", port)
        stack.enter_context(running(*reach, says="reachable at"))
        onion = f"SOCKS4A:{host}:{label}.onion:4001,socksport={port}"
        listen = f"UNIX-LISTEN:{places[_SOCAT]},fork,backlog=1024"
        stack.enter_context(running("socat", listen, onion, path=places[_SOCAT]))
        for place in places.values():  # warms socat's circuit too
            roundTrip(place, 3)
        for number in range(rounds):
            for name, place in _inTurn(places, number):
                measured = {"trip": roundTrip(place, trips) * 1e3}
                measured["received"] = download(place, size) * _GIB / size
                measured["sent"] = upload(place, size) * _GIB / size
                samples.add(name, measured)
        for name, place in places.items():
            answered, seconds = many(place, streams)
            text = f"{streams} streams at once by {name}: {answered} answered, in {seconds:.1f} s"
            checks.append(Check(text, answered == streams))
    goal = Goal(_OURS, 1.05, _SOCAT)
    figures = [
        samples.figure("trip", "Round trip of 64 bytes, median of each round", "ms", _SOCAT, goal),
        samples.figure("received", "Clock per GiB received", "s", _SOCAT, goal),
        samples.figure("sent", "Clock per GiB sent", "s", _SOCAT, goal),
    ]
    method = _METHOD_A.format(size=size // _MIB)
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
        for number in range(rounds):
            for name, place in _inTurn(places, number):
                measured = {"trip": roundTrip(place, trips) * 1e6}
                measured["clock"] = download(place, size) * _GIB / size
                samples.add(name, measured)
    figures = [
        samples.figure("trip", "Round trip of 64 bytes, median of each round", "µs", _SOCAT),
        samples.figure("clock", "Clock per GiB received", "s", _SOCAT),
    ]
    return Part("b", "Without tor, against socat", _METHOD_B, figures)


def _inTurn(places: dict[str, str], number: int) -> list[tuple[str, str]]:
    """
    Who begins changes with every round.
    """
    order = list(places.items())
    return order if number % 2 else order[::-1]


if __name__ == "__main__":
    main()
