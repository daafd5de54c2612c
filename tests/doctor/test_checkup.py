# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
All the checks.
"""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, Deferred

from onionp2p.doctor import Finding, Level, Questions, examine
from onionp2p.doctor.finding import warning, well
from onionp2p.options import TorOptions
from onionp2p.testing import FakeNetwork, MemoryReactor

LOCAL = [
    "installation.checkPython",
    "installation.checkPackages",
    "installation.checkCopies",
    "installation.checkPrograms",
    "plugin.checkPlugin",
    "environment.checkVariables",
    "environment.checkTorrc",
    "machine.checkClock",
    "machine.checkDescriptors",
    "machine.checkMemory",
    "folders.checkState",
    "folders.checkRunFolder",
    "torprogram.checkTorProgram",
    "controlport.checkRunningTors",
    "controlport.checkNamedPort",
    "reaching.checkReach",
]


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[object, ...]]:
    """
    What is called with what, in the place of all checks; each finds that all is well.
    """
    calls: dict[str, tuple[object, ...]] = {}

    def stand(name: str) -> None:
        def check(*arguments: object) -> list[Finding]:
            calls[name] = arguments
            return [well(name, "well")]

        monkeypatch.setattr(f"onionp2p.doctor.{name}", check)

    for name in LOCAL:
        stand(name)
    return calls


def run(reactor: MemoryReactor, questions: Questions) -> tuple[Level, list[Finding]]:
    """
    Give the worst, and all.
    """
    told: list[Finding] = []
    going = Deferred.fromCoroutine(examine(reactor, questions, told.append))
    return reactor.resultOf(going), told


def test_own(memory_reactor: MemoryReactor, called: dict[str, tuple[object, ...]]) -> None:
    """
    For a tor of our own everything is looked at that it needs, and nothing goes out.
    """
    tor = TorOptions(torrc="/t", state="/s", program="/p")
    worst, told = run(memory_reactor, Questions(tor))
    assert worst is Level.OK
    assert {each.check for each in told} == set(called)
    assert {*LOCAL} - set(called) == {"controlport.checkNamedPort", "reaching.checkReach"}
    assert called["environment.checkTorrc"] == ("/t",)
    assert called["folders.checkState"] == ("/s",)
    assert called["torprogram.checkTorProgram"] == ("/p",)


def test_running(memory_reactor: MemoryReactor, called: dict[str, tuple[object, ...]]) -> None:
    """
    For a running tor, only what matters with it.
    """
    run(memory_reactor, Questions(TorOptions(control=9051)))
    assert called["controlport.checkNamedPort"] == (memory_reactor, 9051)
    assert not {"torprogram.checkTorProgram", "folders.checkState"} & set(called)


def test_reach(memory_reactor: MemoryReactor, called: dict[str, tuple[object, ...]]) -> None:
    """
    Only who asks for it has Tor reached.
    """
    run(memory_reactor, Questions(reach=7.0))
    assert called["reaching.checkReach"][:3] == (memory_reactor, TorOptions(), 7.0)


def test_worst(
    memory_reactor: MemoryReactor,
    called: dict[str, tuple[object, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    The worst that was found counts.
    """
    monkeypatch.setattr("onionp2p.doctor.machine.checkClock", lambda: [warning("a", "b", "c")])
    assert run(memory_reactor, Questions())[0] is Level.WARNING


@pytest.mark.usefixtures("called")
@pytest.mark.parametrize(
    "error", [RuntimeError("no\nsuch luck"), OSError(5, "I/O error"), ImportError("x")]
)
def test_total(
    memory_reactor: MemoryReactor, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """
    A check that fails is told as a problem, and all the others go on.
    """

    def fail() -> None:
        raise error

    async def failLater(*arguments: object) -> None:
        raise error

    monkeypatch.setattr("onionp2p.doctor.machine.checkClock", fail)
    monkeypatch.setattr("onionp2p.doctor.controlport.checkRunningTors", failLater)
    worst, told = run(memory_reactor, Questions())
    assert worst is Level.PROBLEM
    first, second = [each for each in told if each.level is Level.PROBLEM]
    assert first.found.startswith(f"Clock could not be checked: {type(error).__name__}: ")
    assert second.found.startswith("RunningTors could not be checked")
    assert "report" in first.remedy
    assert told[-1] is second


@pytest.mark.usefixtures("called")
def test_cancelled(memory_reactor: MemoryReactor, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Ctrl-C is the end of it, and no finding.
    """

    async def wait(*arguments: object) -> None:
        await Deferred()

    monkeypatch.setattr("onionp2p.doctor.controlport.checkRunningTors", wait)
    told: list[Finding] = []
    going = Deferred.fromCoroutine(examine(memory_reactor, Questions(), told.append))
    going.cancel()
    with pytest.raises(CancelledError):
        memory_reactor.resultOf(going)
    assert Level.PROBLEM not in {each.level for each in told}


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    An environment in which every word is wrong.
    """
    for name in (
        "HOME PATH TMPDIR XDG_RUNTIME_DIR XDG_STATE_HOME STATE_DIRECTORY RUNTIME_DIRECTORY"
        " ONIONP2P_STATE ONIONP2P_TOR ONIONP2P_TORRC ONIONP2P_CONTROL_PASSWORD"
    ).split():
        monkeypatch.setenv(name, "\x1b[31m/dev/null/\udc80no")


@pytest.mark.usefixtures("nowhere")
def test_madness(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    However strange the environment is, every check says something that can be shown.
    """
    _, told = run(memory_reactor, Questions())
    assert not any("could not be checked" in each.found for each in told)
    for each in told:
        assert each.found.isprintable()
        assert each.remedy.isprintable()
        each.found.encode()
