# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The C{onionp2p} command, whatever it is to do.
"""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from onionp2p import cli
from onionp2p.cli import main
from onionp2p.cli.explained import Command


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A command that fails.
    """

    @click.command(cls=Command)
    def ping() -> None:
        raise ConnectionError("Nobody is\n  there.")

    import onionp2p.cli.ping

    monkeypatch.setattr(onionp2p.cli.ping, "ping", ping)


def test_help() -> None:
    """
    The help lists the commands.
    """
    for arguments in (["--help"], ["-h"]):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0
        assert all(name in result.output for name in cli.COMMANDS)


def test_lazy() -> None:
    """
    The help imports neither a command nor Twisted.
    """
    program = (
        "import sys; from onionp2p.cli import COMMANDS, main;"
        "main(['--help'], standalone_mode=False);"
        "print([m for m in sys.modules if m.startswith('twisted')],"
        "[name for name in COMMANDS if f'onionp2p.cli.{name}' in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=10
    )
    assert result.stdout.endswith("[] []\n")


def test_commands() -> None:
    """
    Those commands are there that are listed, and no other.
    """
    with click.Context(main) as context:
        assert isinstance(main, click.Group)
        assert main.list_commands(context) == sorted(cli.COMMANDS)
        assert main.get_command(context, "pong") is None
    result = CliRunner().invoke(main, ["pong"])
    assert result.exit_code == 2
    assert "No such command 'pong'" in result.output


@pytest.mark.usefixtures("failing")
def test_sentence() -> None:
    """
    An error is one sentence on standard error, and the exit status is 1.
    """
    result = CliRunner().invoke(main, ["ping"])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "Error: Nobody is there.\n"


@pytest.mark.usefixtures("failing")
@pytest.mark.parametrize("arguments", [["--debug", "ping"], ["ping", "--debug"]])
def test_debug(arguments: list[str]) -> None:
    """
    With --debug, before the command or behind it, Python's traceback is shown.
    """
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("Traceback (most recent call last):\n")
    assert "ConnectionError: Nobody is\n  there.\n" in result.stderr


def test_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The versions of all that matters for a report of a bug.
    """
    monkeypatch.setattr("importlib.metadata.version", {"onionp2p": "1.2", "Twisted": "26.10"}.get)
    result = CliRunner().invoke(main, ["--version"])
    assert result.exit_code == 0
    assert result.output.startswith("onionp2p 1.2, Twisted 26.10, Python 3.")
