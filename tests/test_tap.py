# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{twistd onionp2p}.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from twisted.application.service import IService, IServiceMaker
from twisted.plugin import getPlugins
from twisted.python import usage
from zope.interface.verify import verifyObject

from onionp2p.operating import Metrics, StatusFile, SystemdNotifier
from onionp2p.operating.states import ListenerState
from onionp2p.operating.status import parseStatus
from onionp2p.ping.service import DialingService, ListeningService
from onionp2p.tap import Options, makeService

LABEL = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd"
TWISTD = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "-n", "--pidfile="]


def parsed(*arguments: str) -> Any:
    """
    Parse a command line.
    """
    untyped: Any = Options
    options = untyped()
    options.parseOptions(list(arguments))
    return options


@pytest.mark.parametrize("command", ["ping", "echo"])
@pytest.mark.parametrize(
    ("option", "kind"),
    [("--listen=tcp:7777", ListeningService), ("--dial=tcp:127.0.0.1:7777", DialingService)],
)
def test_services(command: str, option: str, kind: type) -> None:
    """
    Both commands listen or dial on any endpoint; nothing starts before the service does.
    """
    service = makeService(parsed(command, option))
    assert isinstance(service, kind)
    verifyObject(IService, service)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "give a command: ping, echo"),
        (["pong"], "Unknown command: pong"),
        (["ping"], "give one of --listen ENDPOINT and --dial ENDPOINT"),
        (["echo"], "give one of --listen ENDPOINT and --dial ENDPOINT"),
        (["ping", "--listen=tcp:1", "--dial=tcp:a:1"], "give one of --listen"),
        (["ping", "--listen=nowhere:1"], "--listen: Unknown endpoint type: 'nowhere'"),
        (["ping", "--dial=nowhere:1"], "--dial: Unknown endpoint type: 'nowhere'"),
        (["ping", "--listen=tcp"], "--listen: .*'port'"),
        (["ping", "--dial=tcp:a:1:nonsense=1"], "--dial: .*'nonsense'"),
        (["forward", "--listen=tcp", "--dial=tcp:a:1"], "--listen: .*'port'"),
        (["forward", "--listen=tcp:1", "--dial=tcp:a:1:nonsense=1"], "--dial: .*'nonsense'"),
        (["ping", "--listen=onionp2p:listen"], "--listen: .*port"),
        (["ping", "--dial=onionp2p:dial:addr=short.onion"], "--dial: .*addr="),
        (["ping", "--dial=tcp:a:1", "--interval=soon"], "^--interval: a positive number"),
        (["ping", "--dial=tcp:a:1", "--interval=0"], "a positive number of seconds"),
        (["ping", "--dial=tcp:a:1", "--interval=nan"], "a positive number of seconds"),
        (["ping", "--dial=tcp:a:1", "--interval=inf"], "a positive number of seconds"),
        (["ping", "--dial=tcp:a:1", "what"], "Wrong number of arguments"),
        (["ping", "--dial=tcp:a:1", "--metrics=tcp:9100"], "--metrics: unix:/path or tcp"),
        (["ping", "--dial=tcp:a:1", "--metrics=tcp:0.0.0.0:1"], "--metrics: .* from outside"),
        (
            ["ping", "--dial=tcp:a:1", "--strict", "--metrics=tcp:127.0.0.1:1"],
            "--metrics: with --strict, no Internet socket can be made: use unix:PATH",
        ),
    ],
)
def test_wrongOptions(arguments: list[str], problem: str) -> None:
    """
    A wrong command line is refused, with the reason, before anything starts.
    """
    with pytest.raises(usage.UsageError, match=problem):
        parsed(*arguments)


@pytest.mark.parametrize(
    ("options", "watchers"),
    [
        (["--status=s"], [StatusFile]),
        (["--metrics=tcp:127.0.0.1:1"], [Metrics]),
        (["--status=s", "--metrics=unix:m", "--strict"], [StatusFile, Metrics]),
    ],
)
def test_watchers(options: list[str], watchers: list[type]) -> None:
    """
    What operators ask for is started before the service that it watches.
    """
    service: Any = makeService(parsed("ping", "--listen=tcp:7777", *options))
    if "--strict" in options:
        (service,) = service
    assert [type(each) for each in service] == [*watchers, ListeningService]


def test_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Started by systemd, a command tells it how it is, unasked.
    """
    monkeypatch.setenv("NOTIFY_SOCKET", "@nobody")
    service: Any = makeService(parsed("ping", "--dial=tcp:127.0.0.1:7777"))
    assert [type(each) for each in service] == [SystemdNotifier, DialingService]


@pytest.mark.parametrize(
    ("listen", "onions"),
    [
        ("tcp:7777", 0),
        ("unix:/run/onionp2p:mode=660", 0),
        ("onionp2p:listen:port=7777", 1),
        ("ONIONP2P:listen:port=7777", 1),
        ("haproxy:onionp2p:listen:port=7777", 1),
        (f"onionp2p:listen:addr={LABEL}.onion:7777:target=unix\\:/run/app.sock", 1),
    ],
)
def test_onions(listen: str, onions: int) -> None:
    """
    Whether an onion is to be waited for is seen in the endpoint, also within another one.
    """
    assert parsed("ping", f"--listen={listen}").subOptions.onions == onions


def test_plugin() -> None:
    """
    The command is found, and all of its help comes without starting anything.
    """
    (maker,) = [each for each in getPlugins(IServiceMaker) if each.tapname == "onionp2p"]
    assert maker.options is Options
    assert maker.makeService is makeService
    assert "ping" in str(maker.options())


def test_lightPlugin() -> None:
    """
    A Twisted program that merely uses endpoint strings does not import what ours would need.
    """
    program = (
        "import sys, twisted.internet.endpoints; before = set(sys.modules);"
        "import twisted.plugins.onionp2p_plugin; new = {n.partition('.')[0] for n in sys.modules};"
        "new -= before; print(*sorted(new & {'click', 'cryptography', 'rich', 'txtorcon'}),"
        " 'twisted.internet.reactor' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=10
    )
    assert result.stdout == "False\n"


def test_pingOverTCP() -> None:
    """
    One twistd answers the pings of another; both end cleanly on SIGTERM.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    listen = f"--listen=tcp:{port}:interface=127.0.0.1"
    dial = f"--dial=tcp:127.0.0.1:{port}"
    with (
        subprocess.Popen(
            [*TWISTD, "onionp2p", "ping", listen], stdout=subprocess.PIPE, text=True
        ) as listener,
        subprocess.Popen(
            [*TWISTD, "onionp2p", "ping", dial, "--interval=0.1"], stdout=subprocess.PIPE, text=True
        ) as dialer,
    ):
        assert listener.stdout is not None
        assert dialer.stdout is not None
        assert any(f"listening on tcp:127.0.0.1:{port}" in line for line in listener.stdout)
        assert any(f"32 bytes from tcp:127.0.0.1:{port}: time=" in line for line in dialer.stdout)
        dialer.terminate()
        assert "critical" not in dialer.communicate()[0]
        listener.terminate()
        assert "critical" not in listener.communicate()[0]
    assert dialer.returncode == listener.returncode == -signal.SIGTERM


def test_attachedStatus() -> None:
    """
    A program at an onion that another tor serves tells operators that it listens, is ready for
    systemd, and tells its end; no tor is needed for it.
    """
    with (
        tempfile.TemporaryDirectory(prefix="tap-") as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd,
    ):
        systemd.bind(f"{folder}/notify")
        systemd.settimeout(10)
        listen = f"onionp2p:listen:addr={LABEL}.onion:7777:target=unix\\:{folder}/app.sock"
        with subprocess.Popen(
            [*TWISTD, "onionp2p", "ping", f"--listen={listen}", f"--status={folder}/status"],
            stdout=subprocess.DEVNULL,
            env={**os.environ, "NOTIFY_SOCKET": f"{folder}/notify"},
        ) as program:
            said: list[str] = []
            while not any("READY=1" in each for each in said):
                said.append(systemd.recv(4096).decode())
            assert said[-1] == "READY=1\nSTATUS=listeners: 1 attached"
            program.terminate()
        status = parseStatus(Path(folder, "status").read_bytes())
        assert not status.running
        (listener,) = status.listeners
        assert listener.address == f"/onion3/{LABEL}:7777"
        assert listener.state is ListenerState.STOPPED
        assert status.expected == 1
