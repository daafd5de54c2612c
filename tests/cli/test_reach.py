# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p reach}.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from onionp2p import OnionAddress, forwarding
from onionp2p.cli import main
from onionp2p.cli.reach import dialOptions
from onionp2p.clients.keys import ClientKeyFile
from onionp2p.clients.x25519 import ClientKey
from onionp2p.events import EventObserver, publish
from onionp2p.forwarding import Warm
from onionp2p.local.places import Place

LABEL = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd"
ADDRESS = f"/onion3/{LABEL}:4001"
PEER = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([ADDRESS], "Missing option '--at'"),
        (["--at=unix:/s"], "Give an ADDRESS, or an --invitation, which holds one."),
        ([ADDRESS, "--at=unix:/s", "--invitation=-"], "Give an ADDRESS, or an --invitation"),
        (["short.onion:1", "--at=unix:/s"], "'[ADDRESS]': an onion address has 56 characters"),
        ([f"{LABEL}.onion", "--at=unix:/s"], "the address lacks its port"),
        ([ADDRESS, "--at=8080"], "'--at': unix:/path or tcp:127.0.0.1:PORT is expected"),
        ([ADDRESS, "--at=tcp:0.0.0.0:80"], "can be reached from outside of this machine"),
        ([ADDRESS, "--at=unix:/s", "--warm=-1"], "-1.0 is not in the range x>=0"),
        ([ADDRESS, "--at=unix:/s", "--warm=nan"], "nan is not a number of seconds"),
        ([ADDRESS, "--at=unix:/s", "--socks=9050", "--auth=/k"], "--auth has no use with --socks"),
    ],
)
def test_wrongUse(arguments: list[str], problem: str) -> None:
    """
    A wrong command line is refused before anything starts.
    """
    result = CliRunner().invoke(main, ["reach", *arguments])
    assert result.exit_code == 2
    assert problem in " ".join(result.stderr.split())
    assert result.stdout == ""


class Reaching:
    """
    A local place that leads to an onion.

    @ivar stopped: whether it was closed.
    """

    place = Place.fromString("tcp:127.0.0.1:8080")
    stopped = False

    def stop(self) -> Deferred[None]:
        self.stopped = True
        return succeed(None)


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> Reaching:
    """
    Have an onion be reached at once, and again later; then the command is cancelled.
    """
    reaching = Reaching()
    warm = Warm(reaching.place, 1.23456)

    def reach(*arguments: object, observer: EventObserver | None = None, **_: object) -> Any:
        publish(Logger(), warm, observer)
        return succeed(reaching)

    def run(main: Callable[[object], Coroutine[Deferred[Any], Any, int]]) -> None:
        running = Deferred.fromCoroutine(main(None))
        publish(Logger(), warm)
        running.cancel()
        statuses: list[int] = []
        running.addCallback(statuses.append)
        publish(Logger(), warm)
        sys.exit(statuses[0])

    monkeypatch.setattr(forwarding, "reach", reach)
    monkeypatch.setattr("onionp2p.cli.reach.run", run)
    return reaching


def test_lines(reached: Reaching) -> None:
    """
    The place goes to standard output, all else to standard error; at Ctrl-C it is closed, and all
    is well.
    """
    result = CliRunner().invoke(main, ["reach", f"{ADDRESS}/p2p/{PEER}", "--at=tcp:127.0.0.1:0"])
    assert (result.exit_code, result.stdout) == (0, "reachable at tcp:127.0.0.1:8080\n")
    assert result.stderr == (
        f"for libp2p: /ip4/127.0.0.1/tcp/8080/p2p/{PEER}\nreachable at tcp:127.0.0.1:8080 again\n"
    )
    assert reached.stopped


def test_json(reached: Reaching) -> None:
    """
    With --json each event is an object, told once, and one says that the place is ready; nothing
    else is said.
    """
    result = CliRunner().invoke(main, ["reach", ADDRESS, "--at=tcp:127.0.0.1:0", "--json"])
    assert (result.exit_code, result.stderr) == (0, "")
    warm, ready, again = map(json.loads, result.stdout.splitlines())
    assert warm == again == {"event": "warm", "place": "tcp:127.0.0.1:8080", "seconds": 1.235}
    assert ready == {
        "event": "ready",
        "at": "tcp:127.0.0.1:8080",
        "libp2p": "/ip4/127.0.0.1/tcp/8080",
    }
    assert reached.stopped


@pytest.mark.parametrize("peerID", ["", f"/p2p/{PEER}"])
def test_peerID(peerID: str) -> None:
    """
    The peer that is said to be there is passed on to who can prove it, and not dialled.
    """
    address = OnionAddress.fromString(f"{ADDRESS}{peerID}")
    options, passedOn = dialOptions(address, None, None, {})
    assert options.address == OnionAddress(LABEL, 4001)
    assert passedOn == peerID


def test_invitation(tmp_path: Path) -> None:
    """
    An invitation holds whom to reach, and the key; neither is on the command line.
    """
    key = ClientKey.generate()
    path = str(tmp_path / "invitation")
    ClientKeyFile.invitation(OnionAddress(LABEL, 4001), key).save(path)
    options, _ = dialOptions(None, None, path, {})
    assert options.address == OnionAddress(LABEL, 4001)
    assert isinstance(options.auth, ClientKey)
    assert options.auth.public == key.public


def test_options(tmp_path: Path) -> None:
    """
    Options that are not given are left out; the others are those of an endpoint string.
    """
    address = OnionAddress(LABEL, 1)
    options, _ = dialOptions(address, str(tmp_path / "k"), None, {"state": "/d", "tor": None})
    assert (options.auth, options.tor.state) == (str(tmp_path / "k"), "/d")
