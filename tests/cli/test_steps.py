# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How progress is shown.
"""

from __future__ import annotations

import io
import sys

import pytest

from onionp2p.cli.steps import showBootstrap, showSteps
from onionp2p.errors import DescriptorNotFound
from onionp2p.events import Progress, Retrying

STARTING = Progress(0, "starting", "Starting")
LOADING = Progress(50, "loading_descriptors", "Loading")
DONE = Progress(100, "done", "Done")


class Terminal(io.StringIO):
    """
    Standard error, with somebody in front of it.
    """

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def makeTerminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """
    Be on a terminal, a narrow one.
    """
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "30")
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def test_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Into a pipe goes a line a step, to standard error; none of the same step twice, and none when it
    is over.
    """
    with showBootstrap() as follow:
        for event in (STARTING, LOADING, LOADING, DONE):
            follow(event)
    follow(STARTING)
    out, err = capsys.readouterr()
    assert (out, err) == ("", "tor: Starting\ntor: Loading\ntor: Done\n")


def test_afterwards(capsys: pytest.CaptureFixture[str]) -> None:
    """
    What is waited for when tor is up is told, with the attempts that it takes; and what keeps tor
    from being up.
    """
    with showBootstrap(afterwards="looking for the onion") as follow:
        follow(Progress(5, "conn", "Connecting", "No route to host"))
        follow(DONE)
        follow(Retrying(1, DescriptorNotFound(), 1.0))
    assert capsys.readouterr().err == (
        "tor: No route to host\ntor: looking for the onion\ntor: looking for the onion, attempt 2\n"
    )


def test_onlyOnTerminals(capsys: pytest.CaptureFixture[str]) -> None:
    """
    A command whose lines are read by programs shows nothing elsewhere.
    """
    with showSteps("testnet", onlyOnTerminals=True) as step:
        step("up", 1.0)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("onlyOnTerminals", [False, True])
def test_bar(monkeypatch: pytest.MonkeyPatch, onlyOnTerminals: bool) -> None:
    """
    On a terminal it is one line, drawn anew, and taken away at the end.
    """
    terminal = makeTerminal(monkeypatch)
    with showSteps("testnet", onlyOnTerminals=onlyOnTerminals) as step:
        assert terminal.getvalue() == ""
        step("voting", 0.5)
        assert "testnet: voting" in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[1A\x1b[2K")


def test_noStep(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where nothing is waited for, nothing is shown.
    """
    terminal = makeTerminal(monkeypatch)
    with showBootstrap(onlyOnTerminals=True):
        pass
    assert terminal.getvalue() == ""


def test_dumb(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A terminal that can't draw a line anew gets lines; and no wish for colours makes bars of them.
    """
    terminal = makeTerminal(monkeypatch)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("FORCE_COLOR", "1")
    with showSteps("testnet") as step:
        step("voting", 0.5)
    assert terminal.getvalue() == "testnet: voting\n"
