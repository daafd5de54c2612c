# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What systemd is told.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.application.service import IService
from twisted.logger import Logger, capturedLogs, formatEvent
from zope.interface.verify import verifyObject

from onionp2p.address import OnionAddress, labelFromPublicKey
from onionp2p.errors import TorDied
from onionp2p.events import (
    Attached,
    Cause,
    Connected,
    Event,
    Progress,
    Published,
    Reachable,
    Repairing,
    Starting,
    Stopped,
    TorEnded,
    Unreachable,
    publish,
)
from onionp2p.leaks import LeakGuard
from onionp2p.operating import SystemdNotifier
from onionp2p.operating.notifysocket import watchdogSeconds
from onionp2p.testing import MemoryReactor

ONION = OnionAddress(labelFromPublicKey(bytes(32)), 7777)
OTHER = OnionAddress(labelFromPublicKey(b"o" * 32), 80)
READY = Progress(100, "done", "Done")


class Systemd:
    """
    Listens to a service, as systemd does.
    """

    def __init__(self, address: str) -> None:
        self.environment = {"NOTIFY_SOCKET": address}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(address.replace("@", "\0", 1))
        self.reactor = MemoryReactor()
        self.reactor.start()

    def service(self, listeners: int = 0, **environment: str) -> SystemdNotifier:
        """
        Start a service.
        """
        service = SystemdNotifier(
            self.reactor, listeners=listeners, environment={**self.environment, **environment}
        )
        service.startService()
        return service

    def told(self, *events: Event) -> list[str]:
        """
        Have events happen, and give what the service has told since the last time.
        """
        for event in events:
            publish(Logger(), event)
        self.reactor.advance(0)
        messages = []
        while True:
            try:
                messages.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return messages

    def ends(self) -> None:
        """
        Listen no more.
        """
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Systemd]:
    """
    One that listens, at both kinds of address; the services leave nothing to be done.
    """
    name = str(tmp_path / "notify")
    systemd = Systemd(name if request.param == "path" else f"@{name}")
    yield systemd
    assert systemd.reactor.getDelayedCalls() == []
    systemd.ends()


def test_dialerIsReadyAtOnce(systemd: Systemd) -> None:
    """
    A program that serves no onion is ready when it has started.
    """
    service = systemd.service()
    verifyObject(IService, service)
    assert systemd.told() == ["READY=1\nSTATUS=tor has not said anything yet"]
    service.stopService()
    assert systemd.told(READY) == []


def test_readyWhenPublished(systemd: Systemd) -> None:
    """
    A program is ready when all of its onions are published, and says so once.
    """
    service = systemd.service(listeners=2)
    assert systemd.told() == ["STATUS=tor has not said anything yet"]
    assert systemd.told(Starting(ONION), Progress(10, "conn", "Connecting")) == [
        "STATUS=listeners: 1 starting; tor is at 10%"
    ]
    assert systemd.told(Unreachable(OTHER, Cause.NOT_BOOTSTRAPPED)) == [
        "STATUS=listeners: 1 starting, 1 unreachable; tor is at 10%"
    ]
    assert systemd.told(READY, Published(ONION)) == [
        "STATUS=listeners: 1 published, 1 unreachable; tor is at 100%"
    ]
    assert systemd.told(Published(OTHER)) == [
        "READY=1\nSTATUS=listeners: 2 published; tor is at 100%"
    ]
    assert systemd.told(Unreachable(ONION, Cause.OTHER), Published(ONION)) == []
    service.stopService()


def test_readyWhenAttached(systemd: Systemd) -> None:
    """
    At an onion that another tor serves, a program is ready when it listens; no word of ours is
    about that tor.
    """
    service = systemd.service(listeners=1)
    assert systemd.told(Starting(ONION), Attached(ONION))[-1:] == [
        "READY=1\nSTATUS=listeners: 1 attached"
    ]
    service.stopService()


def test_status(systemd: Systemd) -> None:
    """
    How it stands is told when that is news; no address is, for anybody may read it.
    """
    service = systemd.service(listeners=1)
    said = systemd.told(READY, Published(ONION))
    said += systemd.told(Reachable(ONION, 1.0))
    said += systemd.told(Reachable(ONION, 2.0), Connected("abcdef…", 1.0, 1))
    said += systemd.told(Unreachable(ONION, Cause.NO_DESCRIPTOR))
    said += systemd.told(Repairing(ONION, "anew"))
    said += systemd.told(TorEnded(TorDied(), 1.0))
    said += systemd.told(Stopped(ONION))
    assert [each.rpartition("STATUS=")[2] for each in said] == [
        "tor has not said anything yet",
        "listeners: 1 published; tor is at 100%",
        "listeners: 1 reachable; tor is at 100%",
        "listeners: 1 unreachable; tor is at 100%",
        "listeners: 1 repairing; tor is at 100%",
        "listeners: 1 repairing; tor is down",
        "tor is down",
    ]
    assert ONION.label[:6] not in "".join(said)
    service.stopService()


def test_watchdog(systemd: Systemd) -> None:
    """
    The watchdog hears of the service twice in its time, by the reactor's clock.
    """
    service = systemd.service(WATCHDOG_USEC="30000000", WATCHDOG_PID=str(os.getpid()))
    assert systemd.told()[1:] == ["WATCHDOG=1"]
    for _ in range(3):
        systemd.reactor.advance(14)
        assert systemd.told() == []
        systemd.reactor.advance(1)
        assert systemd.told() == ["WATCHDOG=1"]
    service.stopService()


def test_watchdogOfTor(systemd: Systemd) -> None:
    """
    The watchdog hears nothing while tor does not answer, and again when it does; that the network
    is down is no reason.
    """
    service = systemd.service(WATCHDOG_USEC="30000000")
    for event, heard in [
        (READY, True),
        (TorEnded(TorDied(), 1.0), False),
        (READY, True),
        (Unreachable(ONION, Cause.TOR_SILENT), False),
        (Reachable(ONION, 1.0), True),
        (Unreachable(ONION, Cause.NETWORK_DOWN), True),
    ]:
        systemd.told(event)
        systemd.reactor.advance(15)
        assert systemd.told() == ["WATCHDOG=1"] * heard
    service.stopService()


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "-1"},
        {"WATCHDOG_USEC": "1"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "٣"},
        {"WATCHDOG_USEC": "9" * 5000},
        {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"},
        {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": ""},
    ],
)
def test_noWatchdog(environment: dict[str, str]) -> None:
    """
    Without a time, with one that is none, or for another process, there is no watchdog.
    """
    assert watchdogSeconds(environment) is None


def test_stopping(systemd: Systemd) -> None:
    """
    Systemd learns that the reactor stops when that begins, and then nothing of the services' ends.
    """
    service = systemd.service(listeners=1)
    systemd.told(READY, Published(ONION))
    publish(Logger(), Reachable(ONION, 1.0))
    systemd.reactor.fireSystemEvent("shutdown")
    assert systemd.told(Stopped(ONION)) == ["STOPPING=1\nSTATUS=stopping"]
    service.stopService()


def test_nobodyListens(systemd: Systemd, tmp_path: Path) -> None:
    """
    What can't be told is logged once, and told when it can be.
    """
    with capturedLogs() as events:
        service = systemd.service(NOTIFY_SOCKET=str(tmp_path / "later"))
        systemd.reactor.advance(5)
        publish(Logger(), READY)
        systemd.reactor.advance(5)
        later = Systemd(str(tmp_path / "later"))
        systemd.reactor.advance(1)
    said = [
        formatEvent(event)
        for event in events
        if event["log_namespace"].startswith("onionp2p.operating.")
    ]
    assert said == ["systemd can't be told: No such file or directory"]
    assert later.told() == ["READY=1\nSTATUS=tor is at 100%"]
    later.ends()
    service.stopService()


@pytest.mark.parametrize("address", ["vsock:2:1234", "relative", "/" + "x" * 200, "@" + "x" * 200])
def test_noSuchSocket(address: str) -> None:
    """
    Anything but a UNIX socket is logged, and no more.
    """
    with capturedLogs() as events:
        service = SystemdNotifier(MemoryReactor(), environment={"NOTIFY_SOCKET": address})
        service.startService()
        service.stopService()
    assert "NOTIFY_SOCKET is no UNIX socket" in (formatEvent(events[0]) or "")


def test_elsewhere() -> None:
    """
    Where there is no systemd, nothing happens.
    """
    reactor = MemoryReactor()
    service = SystemdNotifier(reactor, environment={"WATCHDOG_USEC": "1000000"})
    service.startService()
    assert reactor.getDelayedCalls() == []
    service.stopService()


def test_strict(systemd: Systemd) -> None:
    """
    What systemd is told is no leak.
    """
    with LeakGuard(sockets=False):
        service = systemd.service()
        assert systemd.told()[0].startswith("READY=1")
        service.stopService()
