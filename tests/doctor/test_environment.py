# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What the environment says.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from onionp2p.doctor.environment import checkTorrc, checkVariables
from onionp2p.doctor.finding import Finding, Level

VARIABLES = (
    "ONIONP2P_STATE",
    "ONIONP2P_TOR",
    "ONIONP2P_TORRC",
    "ONIONP2P_CONTROL_PASSWORD",
    "ONIONP2P_KEY_PASSPHRASE",
)


@pytest.fixture(autouse=True)
def empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    None of ours is set.
    """
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def torrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    A file that C{$ONIONP2P_TORRC} names.
    """
    monkeypatch.setenv("ONIONP2P_TORRC", str(tmp_path / "torrc"))
    return tmp_path / "torrc"


def test_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What is set is told, of secrets only that they are.
    """
    (found,) = checkVariables()
    assert (found.level, found.found) == (Level.OK, "none of our variables is set")
    monkeypatch.setenv("ONIONP2P_STATE", "/a/folder")
    monkeypatch.setenv("ONIONP2P_CONTROL_PASSWORD", "hush")
    (found,) = checkVariables()
    assert found.found == "ONIONP2P_STATE=/a/folder; ONIONP2P_CONTROL_PASSWORD is set"


def test_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A HOME of somebody else is told, with what is taken instead.
    """
    monkeypatch.setattr("onionp2p.local.folders._isOurs", lambda path: False)
    monkeypatch.setenv("HOME", "/home/alice")
    (found,) = checkVariables()
    assert found.found.startswith("HOME=/home/alice is not this user's, and ")


def test_noTorrc() -> None:
    """
    Who names no file has nothing to be told.
    """
    assert checkTorrc() == []


def only(torrc: Path, text: str) -> Finding:
    """
    Look at a file that has some lines.
    """
    torrc.write_text(text)
    (found,) = checkTorrc()
    return found


def test_well(torrc: Path) -> None:
    """
    Lines for the Tor network are well; those that are left out are told.
    """
    found = only(torrc, "UseBridges 1\nSocksPort 9050\n")
    assert found.level is Level.OK
    assert found.found == f"the lines of {torrc} ($ONIONP2P_TORRC) are taken, without SocksPort"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("DisableNetwork 1\n", "keeps our tor off every network"),
        ("TestingTorNetwork 1\nDirAuthority x\n", "leads to a private network"),
        ("DirAuthority x\n", "leads to another network than Tor's"),
    ],
)
def test_forgotten(torrc: Path, text: str, says: str) -> None:
    """
    Lines of another day that lead nowhere, or elsewhere, are a warning, with the way back.
    """
    found = only(torrc, text)
    assert found.level is Level.WARNING
    assert says in found.found
    assert found.remedy.startswith("unset ONIONP2P_TORRC")
    (named,) = checkTorrc(str(torrc))
    assert named.remedy.startswith("leave out torrc=")


def test_unusable(torrc: Path) -> None:
    """
    A file that can't be read, or is none, or holds what can't be taken, is a problem.
    """
    (gone,) = checkTorrc()
    assert gone.level is Level.PROBLEM
    assert gone.found == f"$ONIONP2P_TORRC names {torrc}: No such file or directory"
    assert gone.remedy == "unset ONIONP2P_TORRC"
    for content, says in [
        (b"%include /etc/tor/more", "%include"),
        (b"\xff\xfe", "it is not UTF-8"),
        (b"#" * (1 << 20) + b"\n", "it is too long"),
    ]:
        torrc.write_bytes(content)
        (found,) = checkTorrc()
        assert found.level is Level.PROBLEM
        assert says in found.found
    torrc.unlink()
    os.mkfifo(torrc)
    assert "it is not a regular file" in checkTorrc()[0].found


def test_bridges(torrc: Path) -> None:
    """
    A pluggable transport's program that is not here is a problem; what installs it is told.
    """
    lines = "ClientTransportPlugin obfs4 exec {}\nclienttransportplugin x socks4 1:2\n"
    found = only(torrc, lines.format("/usr/bin/no-such-obfs4proxy -x"))
    assert (found.check, found.level) == ("bridges", Level.PROBLEM)
    assert "obfs4 needs /usr/bin/no-such-obfs4proxy" in found.found
    assert "no-such-obfs4proxy" in found.remedy
    assert only(torrc, lines.format("/bin/sh")).level is Level.OK
