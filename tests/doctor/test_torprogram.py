# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The tor program.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from onionp2p.doctor.finding import Finding, Level
from onionp2p.doctor.platforms import installCommand, systemKinds
from onionp2p.doctor.torprogram import checkTorProgram

SAYS = """#!/bin/sh
case $1 in
--version) echo "Tor version {}"; echo "Tor is running on Linux";;
--list-modules) echo "relay: yes"; echo "pow: {}";;
esac
"""


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    There is no tor on this machine, and nobody names one.
    """
    monkeypatch.delenv("ONIONP2P_TOR", raising=False)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr("onionp2p.tor.program._FOLDERS", ())


@pytest.fixture
def tor(tmp_path: Path) -> Path:
    """
    A tor to be written.
    """
    path = tmp_path / "tor"
    path.touch(0o755)
    return path


def look(tor: Path, text: str) -> list[Finding]:
    """
    Look at a tor that is a script.
    """
    tor.write_text(text)
    return checkTorProgram(str(tor))


def test_well(tor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A tor of today is well, and so is one of tomorrow, with a word.
    """
    findings = look(tor, SAYS.format("0.4.9.11.", "yes"))
    assert [each.level for each in findings] == [Level.OK, Level.OK]
    assert findings[0].found == f"0.4.9.11 at {tor}"
    newer, _ = look(tor, SAYS.format("0.5.0.1-alpha (git-0).", "yes"))
    assert newer.level is Level.OK
    assert newer.found == f"0.5.0.1-alpha at {tor}; newer than what we are tested with"
    monkeypatch.setenv("ONIONP2P_TOR", str(tor))
    assert "(by $ONIONP2P_TOR)" in checkTorProgram()[0].found


def test_older(tor: Path) -> None:
    """
    The oldest that will do is no problem; without proof of work it has no defence.
    """
    version, modules = look(tor, SAYS.format("0.4.8.1.", "no"))
    assert version.level is modules.level is Level.WARNING
    assert "0.4.9 is better" in version.found
    assert "proof of work" in modules.found


def test_tooOld(tor: Path) -> None:
    """
    One that we can't use is a problem, and the only one that is told of it.
    """
    (found,) = look(tor, SAYS.format("0.4.5.16.", "yes"))
    assert found.level is Level.PROBLEM
    assert found.found == f"0.4.5.16 at {tor} is too old: 0.4.8 is needed"
    assert found.remedy.startswith("install tor 0.4.8 or newer")


def test_none() -> None:
    """
    Where there is none, the command that installs one is told, and that no service needs to run.
    """
    (found,) = checkTorProgram()
    assert found.level is Level.PROBLEM
    assert found.found.startswith("there is no tor program")
    assert installCommand("tor") in found.remedy
    assert "no service of it needs to run" in found.remedy


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("#!/bin/sh\nexit 3\n", "ended with status 3"),
        ("#!/bin/sh\nkill -ILL $$\n", "was ended by signal 4"),
        ("#!/bin/sh\necho hello\n", "does not say that it is a tor: hello"),
        ("#!/bin/sh\necho 'Tor version four'\n", "does not say that it is a tor: Tor version four"),
        ("#!/no/such/interpreter\n", "is not here"),
        ("\x7fELF of another machine", "can't be run: Exec format error"),
    ],
)
def test_broken(tor: Path, text: str, says: str) -> None:
    """
    A program that does not do as a tor does is a problem, and it is told what it does.
    """
    (found,) = look(tor, text)
    assert found.level is Level.PROBLEM
    assert says in found.found
    assert found.remedy


def test_hangs(tor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    One that hangs is not waited for.
    """
    monkeypatch.setattr("onionp2p.doctor.asking.ask.__kwdefaults__", {"seconds": 0.2})
    (found,) = look(tor, "#!/bin/sh\n/bin/sleep 60\n")
    assert found.level is Level.PROBLEM
    assert "did not tell its version" in found.found


def test_named(tor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Who names one that is none is told by what it was named.
    """
    tor.chmod(0o644)
    monkeypatch.setenv("ONIONP2P_TOR", str(tor))
    (found,) = checkTorProgram()
    assert found.found == f"$ONIONP2P_TOR names {tor}, which may not be executed"
    assert found.remedy == f"chmod +x {tor}"
    (found,) = checkTorProgram(f"{tor}-gone")
    assert found.found == f"tor= names {tor}-gone, which is no program"


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ('ID=ubuntu\nID_LIKE="debian"\n', "sudo apt install tor"),
        ("ID=linuxmint\nID_LIKE='ubuntu debian'\n", "sudo apt install tor"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "sudo dnf install tor"),
        ("ID=arch", "sudo pacman -S tor"),
        ("ID=nixos\n", "install the package tor"),
        ("\xff=\n=\n\0", "install the package tor"),
    ],
)
def test_platforms(tmp_path: Path, text: str, command: str) -> None:
    """
    The command that installs tor is this system's own.
    """
    (tmp_path / "os-release").write_text(text, encoding="latin-1")
    assert installCommand("tor", systemKinds(os.fspath(tmp_path / "os-release"))) == command


def test_unknownPlatform(tmp_path: Path) -> None:
    """
    Of a system that does not tell its name, nothing is known.
    """
    assert systemKinds(os.fspath(tmp_path / "none")) == []
