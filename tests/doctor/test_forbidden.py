# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Why a tor's files can't be used, and the commands that change it.
"""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import replace
from pathlib import Path

import pytest

from onionp2p.doctor.forbidden import explain, whyNoCookie, whyNoSocket
from onionp2p.tor.access import Barrier, userName, whatBars

COOKIE = "/run/tor/control.authcookie"
OF_GROUP = Barrier(COOKIE, False, "debian-tor", 12345, "debian-tor", True)


def test_join() -> None:
    """
    Who is not in the group is told how to join it.
    """
    found, remedy = explain("no", OF_GROUP, "CookieAuthFileGroupReadable 1")
    user = userName()
    assert found == f"no: it is for the group debian-tor, of which {user} is no member"
    assert remedy.startswith(f"sudo usermod -aG debian-tor {user}, then log out and in again")
    assert "SupplementaryGroups=debian-tor" in remedy


def test_joinedSince(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Who has joined it, and has not logged in again, is told to do so.
    """
    entry = grp.struct_group(("debian-tor", "x", 12345, [userName()]))
    monkeypatch.setattr(grp, "getgrgid", lambda number: entry)
    found, remedy = explain("no", OF_GROUP, "CookieAuthFileGroupReadable 1")
    assert "has joined, but not before this session began" in found
    assert remedy.startswith("log out and in again")
    assert "sg debian-tor -c" in remedy


@pytest.mark.parametrize(
    "barrier", [replace(OF_GROUP, forGroup=False), replace(OF_GROUP, groupID=0)]
)
def test_ownerAlone(barrier: Barrier) -> None:
    """
    Where no group may, or root's alone, which nobody should join, tor's configuration must change.
    """
    found, remedy = explain("no", barrier, "CookieAuthFileGroupReadable 1")
    assert found == "no: it is for its owner debian-tor alone"
    assert remedy.startswith("CookieAuthFileGroupReadable 1 in its torrc, then ")
    assert "usermod" not in remedy


def test_folder() -> None:
    """
    A folder on the way is named.
    """
    barrier = replace(OF_GROUP, path="/run/tor", isOnTheWay=True)
    assert "no: its folder /run/tor is for the group debian-tor" in explain("no", barrier, "")[0]


def test_noPath() -> None:
    """
    A tor that does not say where its cookie is can be told to.
    """
    for path in ("", "relative"):
        found, remedy = whyNoCookie(path)
        assert found == "it does not say where its cookie is"
        assert "CookieAuthFile" in remedy


def test_notHere(tmp_path: Path) -> None:
    """
    A file that is elsewhere: in another container, perhaps.
    """
    found, remedy = whyNoCookie(f"{tmp_path}/cookie")
    assert "is not here: that tor is in a container" in found
    assert f"share the folder {tmp_path}" in remedy
    assert "ONIONP2P_CONTROL_PASSWORD" in remedy


@pytest.mark.parametrize("length", [0, 31, 33])
def test_length(tmp_path: Path, length: int) -> None:
    """
    What is no cookie is told by its length; of what it holds, nothing.
    """
    (tmp_path / "cookie").write_bytes(b"Z" * length)
    found, remedy = whyNoCookie(f"{tmp_path}/cookie")
    assert f"has {length} bytes, and not 32" in found
    assert "Z" not in found + remedy


def test_link(tmp_path: Path) -> None:
    """
    A link, or a folder, is not followed.
    """
    (tmp_path / "cookie").symlink_to("/etc/passwd")
    found, remedy = whyNoCookie(f"{tmp_path}/cookie")
    assert "it is a link" in found
    assert "CookieAuthFile in its torrc" in remedy
    assert "it is not a regular file" in whyNoCookie(str(tmp_path))[0]


def test_beyondModes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where the modes let us and the system does not, something else is at work.
    """

    def refuse(path: str, *arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "cookie").write_bytes(bytes(32))
    monkeypatch.setattr("onionp2p.local.files.os.open", refuse)
    found, remedy = whyNoCookie(f"{tmp_path}/cookie")
    assert "can't be read: Permission denied" in found
    assert "AppArmor" in remedy
    assert "AppArmor" in whyNoSocket(f"{tmp_path}/cookie")[1]


def test_readable(tmp_path: Path) -> None:
    """
    One that can be read by now is said to be.
    """
    (tmp_path / "cookie").write_bytes(bytes(32))
    assert "can be read now" in whyNoCookie(f"{tmp_path}/cookie")[0]


def test_barrier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What bars us is the outermost folder that does, with its owner, its group and what that may.
    """
    path = tmp_path / "in" / "socket"
    path.parent.mkdir()
    path.touch()
    path.chmod(0o620)
    assert whatBars(str(path), os.R_OK) is None
    owner, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    monkeypatch.setattr("onionp2p.tor.access._allowed", lambda name, wanted: name != str(path))
    file = Barrier(str(path), False, owner, os.getgid(), group, True)
    assert whatBars(str(path), os.W_OK) == file
    assert whatBars(str(path), os.R_OK) == replace(file, forGroup=False)
    path.parent.chmod(0o700)
    monkeypatch.setattr("onionp2p.tor.access._allowed", lambda name, wanted: wanted != os.X_OK)
    barrier = whatBars(str(path), os.R_OK)
    assert barrier is not None
    assert (barrier.path, barrier.isOnTheWay) == ("/", True)
    assert "control socket" in whyNoSocket(str(path))[0]
