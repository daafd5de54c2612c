# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{twistd onionp2p forward}, C{publish} and C{reach}.
"""

from __future__ import annotations

import errno
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from twisted.application.service import IService
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.logger import LogEvent, capturedLogs, formatEvent
from twisted.python import usage
from zope.interface.verify import verifyObject

from onionp2p.errors import TorNotFound
from onionp2p.forwarding.descriptors import allowDescriptors
from onionp2p.forwarding.service import CarrierService
from onionp2p.tap import Options, makeService

LABEL = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd"
TWISTD = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "-n", "--pidfile="]
LISTEN, DIAL = "--listen=onionp2p:listen:port=1", f"--dial=onionp2p:dial:addr={LABEL}.onion:1"
COMMANDS = {
    "forward": ["--listen=tcp:7777", "--dial=unix:/s"],
    "publish": ["--target=unix:/s", LISTEN],
    "reach": [DIAL, "--at=tcp:127.0.0.1:0"],
}


def parsed(*arguments: str) -> Any:
    """
    Parse a command line.
    """
    untyped: Any = Options
    options = untyped()
    options.parseOptions(list(arguments))
    return options


@pytest.mark.parametrize("command", COMMANDS)
def test_services(command: str) -> None:
    """
    Nothing starts before the service does.
    """
    service = makeService(parsed(command, *COMMANDS[command]))
    assert isinstance(service, CarrierService)
    verifyObject(IService, service)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["forward"], "--listen is missing"),
        (["forward", "--listen=tcp:1"], "--dial is missing"),
        (["forward", "--listen=nowhere:1", "--dial=unix:/s"], "--listen: Unknown endpoint type"),
        (["forward", "--listen=tcp:1", "--dial=nowhere:1"], "--dial: Unknown endpoint type"),
        ([*COMMANDS["forward"], "--connections=0"], "a number is expected, 1 to 9999999"),
        ([*COMMANDS["forward"], "--connections=many"], "a number is expected, 1 to 9999999"),
        ([*COMMANDS["forward"], "--timeout=0"], "a positive number of seconds"),
        (["publish", LISTEN], "--target is missing"),
        (["publish", "--target=unix:/s"], "--listen is missing"),
        (["publish", "--target=tcp:0.0.0.0:1", LISTEN], "--target: .* from outside"),
        (["publish", "--target=unix:/s", "--listen=tcp:1"], "--listen: expected onionp2p:listen"),
        (["publish", "--target=unix:/s", f"{LISTEN}:circuits=yes"], "--listen: circuits has no"),
        (["reach", DIAL], "--at is missing"),
        (["reach", "--at=unix:/s"], "--dial is missing"),
        (["reach", DIAL, "--at=tcp:8080"], "--at: unix:/path or tcp:127.0.0.1:PORT is expected"),
        (["reach", "--dial=unix:/s", "--at=unix:/t"], "--dial: expected onionp2p:dial"),
        (["reach", DIAL, "--at=unix:/s", "--warm=-1"], "a positive number of seconds"),
    ],
)
def test_wrongOptions(arguments: list[str], problem: str) -> None:
    """
    A wrong command line is refused, with the reason, before anything starts.
    """
    arguments = arguments if arguments[0] in COMMANDS else ["forward", *arguments]
    with pytest.raises(usage.UsageError, match=problem):
        parsed(*arguments)


@pytest.mark.parametrize(("command", "onions"), [("forward", 0), ("publish", 1), ("reach", 0)])
def test_onions(command: str, onions: int) -> None:
    """
    What tells systemd that all is up knows for how many onions to wait.
    """
    assert parsed(command, *COMMANDS[command]).subOptions.onions == onions


def test_warm() -> None:
    """
    --warm=0 is for never.
    """
    assert parsed("reach", *COMMANDS["reach"], "--warm=0").subOptions["warm"] == 0
    assert parsed("reach", *COMMANDS["reach"], "--warm=1.5").subOptions["warm"] == 1.5


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            CannotListenError("", "/s", OSError("it is taken")),
            "Couldn't listen on any:/s: it is taken.",
        ),
        (
            FileNotFoundError(errno.ENOENT, "No such file", "7", None, b"/no/s.lock"),
            "/no/s.lock: No such file: check the path.",
        ),
        (TorNotFound("Sorry."), str(TorNotFound("Sorry."))),
    ],
    ids=lambda each: type(each).__name__,
)
async def test_givesUp(error: Exception, said: str, loggedErrors: list[LogEvent]) -> None:
    """
    A service that can't begin says so in a sentence, and stops the reactor.
    """
    stopped: list[object] = []

    async def begin() -> Any:
        raise error

    service = CarrierService("the reactor", begin, stopped.append)  # type: ignore[arg-type]
    service.startService()
    assert stopped == ["the reactor"]
    (event,) = loggedErrors
    assert formatEvent(event) == f"nothing is carried: {said}"
    assert "log_failure" not in event
    loggedErrors.clear()
    await service.stopService()


async def test_stoppedWhileItBegins() -> None:
    """
    A service that is stopped while it begins is silent about that.
    """
    stopped: list[object] = []
    waiting: Deferred[Any] = Deferred()

    async def begin() -> Any:
        return await waiting

    service = CarrierService("the reactor", begin, stopped.append)  # type: ignore[arg-type]
    service.startService()
    await service.stopService()
    assert stopped == []


@pytest.mark.parametrize("connections", [1, 10_000_000])
def test_descriptors(monkeypatch: pytest.MonkeyPatch, connections: int) -> None:
    """
    The limit of open files is raised as far as it takes, or as it can be, which then is told.
    """
    limits: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda _, both: limits.append(both))
    with capturedLogs() as logged:
        allowDescriptors(connections)
    assert limits == ([] if connections == 1 else [(4096, 4096)])
    assert bool(logged) is (connections > 1)


@pytest.mark.deadline(20)
def test_forward(tmp_path: Path) -> None:
    """
    A running twistd carries between two sockets, and ends in good order on SIGTERM.
    """
    inside, outside = tmp_path / "in", tmp_path / "out"
    with (
        socket.socket(socket.AF_UNIX) as server,
        subprocess.Popen(
            [*TWISTD, "onionp2p", "forward", f"--listen=unix:{inside}", f"--dial=unix:{outside}"],
            stdout=subprocess.PIPE,
            text=True,
        ) as twistd,
    ):
        server.bind(str(outside))
        server.listen()
        assert twistd.stdout is not None
        assert any(f"listening on unix:{inside}" in line for line in twistd.stdout)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            server.settimeout(5)
            client.connect(str(inside))
            client.sendall(b"question")
            client.shutdown(socket.SHUT_WR)
            peer, _ = server.accept()
            with peer:
                assert peer.makefile("rb").read() == b"question"
                peer.sendall(b"answer" * 1000)
            assert len(client.makefile("rb").read()) == 6000
        began = time.monotonic()
        twistd.terminate()
        assert "critical" not in twistd.communicate()[0]
    assert time.monotonic() - began < 5
    assert twistd.returncode == -signal.SIGTERM
