# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What operators see of programs on the private network.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
from collections.abc import Callable, Iterator
from configparser import ConfigParser
from pathlib import Path
from string import Template
from typing import Any

import pytest
from pytest_twisted import blockon
from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import UNIXClientEndpoint, connectProtocol
from twisted.internet.protocol import DatagramProtocol, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

EXAMPLES = Path(__file__).parent.parent.parent / "docs" / "examples" / "operating"

Start = Callable[..., Any]


class Systemd(DatagramProtocol):
    """
    Listens to a service, and gives it its folders.
    """

    def __init__(self, folder: Path) -> None:
        self.environment = {
            "NOTIFY_SOCKET": str(folder / "notify"),
            "STATE_DIRECTORY": str(folder / "state"),
            "RUNTIME_DIRECTORY": str(folder / "run"),
        }
        (folder / "state").mkdir(0o700)
        (folder / "run").mkdir(0o700)
        self.told = ""
        self._awaited: list[tuple[str, Deferred[None]]] = []

    def datagramReceived(self, datagram: bytes, addr: object) -> None:
        self.told += datagram.decode() + "\n"
        for each in list(self._awaited):
            if each[0] in self.told:
                self._awaited.remove(each)
                each[1].callback(None)

    def hears(self, text: str) -> Deferred[None]:
        """
        Wait until the service says something.
        """
        heard: Deferred[None] = Deferred()
        self._awaited.append((text, heard))
        self.datagramReceived(b"", None)
        return heard


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Systemd]:
    """
    One that listens, and is in the environment of what is started.
    """
    systemd = Systemd(tmp_path)
    for name, value in systemd.environment.items():
        monkeypatch.setenv(name, value)
    untyped: Any = reactor
    port = untyped.listenUNIXDatagram(systemd.environment["NOTIFY_SOCKET"], systemd)
    yield systemd
    blockon(maybeDeferred(port.stopListening))


class Scrape(Protocol):
    """
    Reads metrics.
    """

    def __init__(self) -> None:
        self.received = b""
        self.ended: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"GET /metrics HTTP/1.0\r\n\r\n")

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended.callback(self.received)


async def shown(start: Start, path: Path | str, status: int) -> str:
    """
    Call C{onionp2p status} until it exits as it should: a change is in the file a second later.
    """
    while True:
        program = start("onionp2p", "status", str(path))
        if await program.ended == status:
            return str(program.output)


async def scraped(path: Path) -> str:
    """
    Read the metrics.
    """
    visitor = await connectProtocol(UNIXClientEndpoint(reactor, str(path)), Scrape())
    content: bytes = await visitor.ended
    return content.decode()


async def untilScraped(path: Path, happens: Callable[[str], bool]) -> str:
    """
    Read the metrics until something is so; the test's deadline is its own.
    """
    while not happens(measured := await scraped(path)):
        await deferLater(reactor, 0.1)
    return measured


def unit() -> dict[str, str]:
    """
    Read the unit file of the documentation.
    """
    parser = ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((EXAMPLES / "onionp2p-ping.service").read_text().replace("\\\n", " "))
    return dict(parser["Service"])


async def test_unitFile(start: Start, systemd: Systemd, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The service of the documentation, started as systemd would, is ready once its onion is
    published, shows how it is in all ways, keeps what it must where it should, and ends in order.
    """
    service = unit()
    assert service["Type"] == "notify"
    monkeypatch.setenv("WATCHDOG_USEC", str(int(service["WatchdogSec"]) * 1_000_000))
    folders = {name: value for name, value in systemd.environment.items() if "DIRECTORY" in name}
    arguments = shlex.split(Template(service["ExecStart"]).substitute(folders))
    program = start("twistd", *arguments[1:])
    # What it says to systemd and what it prints come in any order.
    await systemd.hears("READY=1")
    await systemd.hears("WATCHDOG=1")
    address = (await program.says("listening on ")).split("listening on ")[1]
    state, run = (Path(folders[name]) for name in ("STATE_DIRECTORY", "RUNTIME_DIRECTORY"))

    said = await shown(start, run / "status.json", 0)
    assert said.startswith("OK: 1 listener ")
    assert f"\n{address}: " in said
    measured = await scraped(run / "metrics")
    assert "onionp2p_tor_bootstrap_percent 100.0" in measured
    assert address.split("/")[2][:6] in measured
    assert any(entry.name.startswith("onionp2p-") for entry in run.iterdir())

    program.signal("TERM")
    assert await program.ended == -signal.SIGTERM
    await systemd.hears("STOPPING=1")
    assert "CRITICAL: stopped: " in await shown(start, run / "status.json", 2)
    assert [entry.name for entry in run.iterdir()] == ["status.json"]
    assert {entry.name for entry in state.iterdir()} == {"onion.key", "tor"}
    assert "goes past Tor" not in program.output
    assert "Traceback" not in program.output


async def test_killed(start: Start, tmp_path: Path) -> None:
    """
    Of a program that was killed, its status file says all is well; C{onionp2p status} knows better.
    """
    path = tmp_path / "status.json"
    endpoint = "onionp2p:listen:port=7777"
    program = start(
        "twistd", "-n", "--pidfile=", "onionp2p", "ping", "--listen", endpoint, "--status", path
    )
    await program.says("listening on ")
    await shown(start, path, 0)
    program.signal("KILL")
    assert await program.ended == -9
    assert json.loads(path.read_bytes())["state"] == "running"
    assert "CRITICAL: gone: " in await shown(start, path, 2)


async def test_torKilled(start: Start, tmp_path: Path) -> None:
    """
    What befalls a listener, and that it came back, can be seen.
    """
    status, metrics = tmp_path / "status.json", tmp_path / "metrics"
    options = ("--listen", "onionp2p:listen:port=7777", "--status", status)
    program = start(
        "twistd", "-n", "--pidfile=", "onionp2p", "ping", *options, "--metrics", f"unix:{metrics}"
    )
    await program.says("listening on ")
    (tor,) = program.tors()
    os.kill(tor, signal.SIGKILL)
    await program.says("tor is down")
    await untilScraped(metrics, lambda measured: "onionp2p_tor_ended_total 1.0" in measured)
    measured = await untilScraped(
        metrics, lambda measured: 'port="7777"} 1.0' in measured.partition("recoveries")[2]
    )
    assert 'port="7777",state="unreachable"} 0.0' in measured
    assert await shown(start, status, 0)
    program.signal("TERM")
    assert await program.ended == -signal.SIGTERM


async def test_ownProgram(start: Start, systemd: Systemd, tmp_path: Path) -> None:
    """
    A Twisted program of one's own tells the same by a line for each.
    """
    program = start("twistd", "-n", "--pidfile=", "-y", str(EXAMPLES / "echo.py"), folder=tmp_path)
    await systemd.hears("READY=1")
    await shown(start, tmp_path / "status.json", 0)
    program.signal("TERM")
    assert await program.ended == -signal.SIGTERM
    await shown(start, tmp_path / "status.json", 2)
