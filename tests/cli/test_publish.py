# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p publish}.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from click.testing import CliRunner
from twisted.internet.defer import Deferred, succeed

from onionp2p import ListenOptions, OnionAddress, forwarding
from onionp2p.cli import main
from onionp2p.errors import TorNotFound
from onionp2p.events import EventObserver, Progress, Published
from onionp2p.local.places import Place

ADDRESS = OnionAddress("vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd", 80)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "Missing argument 'TARGET'"),
        (["unix:/s"], "Missing option '--port'"),
        (["/s", "--port=1"], "'TARGET': unix:/path or tcp:127.0.0.1:PORT is expected, not '/s'"),
        (["tcp:0.0.0.0:1", "--port=1"], "can be reached from outside of this machine"),
        (["unix:/s", "--port=0"], "--port is no port: a port is a number from 1 to 65535"),
        (["unix:/s", "--port=1", "--wait=soon"], "'soon' is not one of"),
        (["unix:/s", "--port=1", "--timeout=0"], "--timeout takes seconds"),
        (["unix:/s", "--port=1", "--control=9051", "--state=/d"], "--state has no use with"),
    ],
)
def test_wrongUse(arguments: list[str], problem: str) -> None:
    """
    A wrong command line is refused before anything starts.
    """
    result = CliRunner().invoke(main, ["publish", *arguments])
    assert result.exit_code == 2
    assert problem in " ".join(result.stderr.split())
    assert result.stdout == ""


def test_spokenOfAsTyped(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Errors, too, speak of the command's options, and of no others as if it had them.
    """

    def fail(main: object) -> None:
        raise TorNotFound("It is not frontend=X.")

    monkeypatch.setattr("onionp2p.cli.publish.run", fail)
    result = CliRunner().invoke(main, ["publish", "unix:/s", "--port=1"])
    assert "or name it with --tor PATH or $ONIONP2P_TOR. It is not frontend=X." in result.stderr


class Port:
    """
    An onion that is up.

    @ivar stopped: whether it was withdrawn.
    """

    stopped = False

    def getHost(self) -> OnionAddress:
        return ADDRESS

    def stopListening(self) -> Deferred[None]:
        self.stopped = True
        return succeed(None)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Port:
    """
    Have an onion be published at once, and the command run until it waits; then it is cancelled.
    """
    port = Port()

    def publish(
        reactor: object, target: Place, options: ListenOptions, observer: EventObserver
    ) -> Deferred[Port]:
        observer(Progress(100, "done", "Done"))
        observer(Published(ADDRESS))
        return succeed(port)

    def run(main: Callable[[object], Coroutine[Deferred[Any], Any, int]]) -> None:
        running = Deferred.fromCoroutine(main(None))
        running.cancel()
        statuses: list[int] = []
        running.addCallback(statuses.append)
        sys.exit(statuses[0])

    monkeypatch.setattr(forwarding, "publish", publish)
    monkeypatch.setattr("onionp2p.cli.publish.run", run)
    return port


def test_lines(published: Port) -> None:
    """
    The address goes to standard output, what tor does to standard error; at Ctrl-C the onion is
    withdrawn, and all is well.
    """
    result = CliRunner().invoke(main, ["publish", "unix:/s", "--port=80"])
    assert (result.exit_code, result.stdout) == (0, f"listening on {ADDRESS}\n")
    assert result.stderr == "tor: publishing the onion\n"
    assert published.stopped


def test_json(published: Port) -> None:
    """
    With --json each event is an object, and one says that it is ready; nothing else is said.
    """
    result = CliRunner().invoke(main, ["publish", "unix:/s", "--port=80", "--json"])
    assert (result.exit_code, result.stderr) == (0, "")
    progress, told, ready = map(json.loads, result.stdout.splitlines())
    assert (progress["event"], progress["percent"]) == ("progress", 100)
    assert told == {"event": "published", "address": str(ADDRESS)}
    assert ready == {"event": "ready", "address": str(ADDRESS)}
    assert published.stopped


def test_qr(published: Port) -> None:
    """
    With --qr a QR code is below the address; JSON is not for people.
    """
    result = CliRunner().invoke(main, ["publish", "unix:/s", "--port=80", "--qr"])
    first, _, code = result.stdout.partition("\n")
    assert first == f"listening on {ADDRESS}"
    assert set(code) == set(" \n▀▄█")
    result = CliRunner().invoke(main, ["publish", "unix:/s", "--port=80", "--qr", "--json"])
    assert result.exit_code == 2


def test_qrImpossible(published: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where there can be no QR code it is said before the onion is there.
    """
    monkeypatch.setitem(sys.modules, "segno", None)
    result = CliRunner().invoke(main, ["publish", "unix:/s", "--port=80", "--qr"])
    assert result.exit_code == 1
    assert "pip install" in result.stderr
    assert not published.stopped
