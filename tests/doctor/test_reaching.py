# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The whole way to Tor and back, in memory.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from onionp2p.doctor.finding import Finding, Level
from onionp2p.doctor.reaching import checkReach
from onionp2p.errors import TorNotFound, TorrcRefused
from onionp2p.events import Event, Progress, Stopped
from onionp2p.options import TorOptions
from onionp2p.testing import FakeNetwork, MemoryReactor
from onionp2p.testing.faketor import Fail, Refuse, Stall
from onionp2p.tor.launch import launchTor


@pytest.fixture(autouse=True)
def noLines(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Nobody has forgotten a torrc.
    """
    monkeypatch.delenv("ONIONP2P_TORRC")


def reach(reactor: MemoryReactor, timeout: float = 30) -> list[Finding]:
    """
    Go there.
    """
    seen: list[Event] = []
    going = Deferred.fromCoroutine(checkReach(reactor, TorOptions(), timeout, seen.append))
    findings = reactor.resultOf(going, seconds=timeout + 10)
    if seen:
        assert isinstance(seen[0], Progress)
        assert isinstance(seen[-1], Progress | Stopped)
    assert os.listdir(os.environ["XDG_RUNTIME_DIR"]) == []  # the tor is gone
    return findings


def test_there(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Each stage that is passed is told; nothing is left of it.
    """
    findings = reach(memory_reactor)
    assert [(each.check, each.level) for each in findings] == [
        ("bootstrap", Level.OK),
        ("publication", Level.OK),
        ("dial", Level.OK),
    ]
    assert all(each.found.endswith(" s") for each in findings)


@pytest.mark.parametrize(
    ("warning", "remedy"),
    [
        ("Clock skew -7200 in microdesc flavor consensus", "set the clock"),
        ("No route to host", "see whether this machine is connected"),
        ("Network is unreachable", "see whether this machine is connected"),
        ("Connection refused", "bridges"),
        ("TLS_ERROR", "bridges"),
        ("Managed proxy failed", "see the Bridge and transport lines"),
        ("something new", "bridges"),
    ],
)
def test_stuck(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, warning: str, remedy: str
) -> None:
    """
    Where tor is stuck, its stage and its own reason are told, and what helps against that.
    """
    fake_network.on("BOOTSTRAP 50", Stall(warning))
    (only,) = reach(memory_reactor)
    assert (only.check, only.level) == ("bootstrap", Level.PROBLEM)
    assert "% of the way to its network (" in only.found
    assert f"it says: {warning}" in only.found
    assert remedy in only.remedy


def test_stalled(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Where there is no progress for a minute, no more time is spent.
    """
    fake_network.on("BOOTSTRAP 50", Stall("No route to host"))
    began = memory_reactor.seconds()
    (only,) = reach(memory_reactor, timeout=1000)
    assert memory_reactor.seconds() - began < 120
    assert "It is at " in only.found


def test_complaints(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    What tor warns of in its log is a reason, too; what it says at every start is none.
    """
    log = Logger(namespace=launchTor.__module__)

    fake_network.on("BOOTSTRAP 50", Stall(""))

    def complain() -> None:
        for line in (
            "Nov 22 23:25:33.000 [warn] You have used DirAuthority or AlternateDirAuthority",
            "Nov 22 23:25:33.000 [warn] Our clock is 3 hours behind",
            "Nov 22 23:25:33.000 [notice] Bootstrapped 50%",
            "",
        ):
            log.debug("tor: {line}", line=line)

    memory_reactor.callLater(1, complain)
    (only,) = reach(memory_reactor)
    assert only.found.endswith("it says: Our clock is 3 hours behind")
    assert only.remedy.startswith("set the clock")


def test_forgotten(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """
    Where the environment leads elsewhere, that is the first thing to undo.
    """
    (tmp_path / "torrc").write_text("DisableNetwork 1\n")
    monkeypatch.setenv("ONIONP2P_TORRC", str(tmp_path / "torrc"))
    fake_network.on("BOOTSTRAP 50", Stall("Clock skew"))
    (only,) = reach(memory_reactor)
    assert only.remedy.startswith("unset ONIONP2P_TORRC: ")


def test_notPublished(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Where the directories refuse the onion, tor was reached all the same.
    """
    fake_network.on("UPLOAD", Fail())
    bootstrap, publication = reach(memory_reactor)
    assert bootstrap.level is Level.OK
    assert (publication.check, publication.level) == ("publication", Level.PROBLEM)


def test_notDialled(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Where nobody gets through, the cause is told, and not the address.
    """
    fake_network.on("SOCKS CONNECT", Refuse(0xF2))
    *_, dial = findings = reach(memory_reactor)
    assert [each.check for each in findings] == ["bootstrap", "publication", "dial"]
    assert dial.level is Level.PROBLEM
    assert "no dial of ours came through" in dial.found
    assert "introduction" in dial.found
    assert ".onion" not in dial.found


@pytest.mark.parametrize("error", [TorNotFound(), TorrcRefused("Tor says: no.")])
def test_notLaunched(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    """
    A tor that does not start is told of as endpoints tell of it.
    """

    def launch(*arguments: object) -> None:
        raise error

    monkeypatch.setattr("onionp2p.tor.pool._launchers", {memory_reactor: launch})
    (only,) = reach(memory_reactor)
    assert only.level is Level.PROBLEM
    assert only.found == str(error)
    assert "network" not in only.remedy  # which has not been seen
    assert "unset" not in only.remedy
