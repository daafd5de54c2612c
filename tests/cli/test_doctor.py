# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p doctor}.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from onionp2p.cli import main

pytestmark = pytest.mark.deadline(20)
PAGE = Path(__file__).parents[2] / "docs" / "howto" / "doctor.md"
FIELDS = {"check", "level", "found", "remedy"}
OLD = '#!/bin/sh\necho "Tor version 0.4.5.16."\n'


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """
    An environment in which no network can be reached, and nothing of this machine's is used.
    """
    kept = {"HOME": str(tmp_path), "PATH": str(tmp_path), "TMPDIR": "/tmp"}
    return {
        **kept,
        "ONIONP2P_STATE": str(tmp_path / "state"),
        "ONIONP2P_TORRC": os.environ["ONIONP2P_TORRC"],
    }


def doctor(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """
    Run it in a process of its own: it runs the reactor.
    """
    script = "from onionp2p.cli import main; main()"
    command = [sys.executable, "-Ic", script, "doctor", *arguments]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=15
    )


def test_old(environment: dict[str, str], tmp_path: Path) -> None:
    """
    A tor that is too old is a problem, on a line, and one says what to do; the status is 1.
    """
    tor = tmp_path / "oldtor"
    tor.write_text(OLD)
    tor.chmod(0o755)
    result = doctor(environment, "--tor", str(tor))
    assert (result.returncode, result.stderr) == (1, "")
    lines = result.stdout.splitlines()
    at = lines.index(f"problem  tor           0.4.5.16 at {tor} is too old: 0.4.8 is needed")
    assert lines[at + 1].startswith(" " * 23 + "do: install tor 0.4.8 or newer")
    assert lines[-1] == "1 problem, 1 warning"  # tests/offline.torrc
    assert "\x1b" not in result.stdout


def test_json(environment: dict[str, str], tmp_path: Path) -> None:
    """
    With --json each finding is an object; a warning is no failure.
    """
    tor = tmp_path / "newtor"
    tor.write_text(OLD.replace("0.4.5.16", "0.4.9.11"))
    tor.chmod(0o755)
    result = doctor({**environment, "ONIONP2P_TOR": str(tor)}, "--json")
    assert (result.returncode, result.stderr) == (0, "")
    findings = [json.loads(line) for line in result.stdout.splitlines()]
    assert all(set(each) == FIELDS for each in findings)
    levels = {each["check"]: each["level"] for each in findings}
    assert (levels["tor"], levels["torrc"]) == ("ok", "warning")
    assert all((each["remedy"] is None) == (each["level"] == "ok") for each in findings)
    page = PAGE.read_text()
    assert [check for check in levels if f"`{check}`" not in page] == []


def test_namedPort(environment: dict[str, str], tmp_path: Path) -> None:
    """
    A control socket that was named and is not there is a problem; a tor of our own is not needed.
    """
    result = doctor(environment, "--control", str(tmp_path / "none"))
    assert (result.returncode, result.stderr) == (1, "")
    assert f"at {tmp_path}/none: nobody listens there" in result.stdout
    assert result.stdout.endswith("1 problem, no warnings\n")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--control=0"], "--control is no port"),
        (["--control=9051", "--state=/d"], "--state has no use with --control, which uses"),
        (["--timeout=0"], "'--timeout'"),
        (["--timeout=86401"], "--timeout takes seconds, more than 0 and at most 86400"),
        (["9051"], "unexpected extra argument"),
    ],
)
def test_wrongUse(arguments: list[str], problem: str) -> None:
    """
    A wrong command line is refused before anything is looked at.
    """
    result = CliRunner().invoke(main, ["doctor", *arguments])
    assert result.exit_code == 2
    assert problem in " ".join(result.stderr.split())
    assert result.stdout == ""
