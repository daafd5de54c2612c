# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p client}.
"""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from onionp2p.address import OnionAddress
from onionp2p.cli import main
from onionp2p.clients.keys import loadClientKey, readInvitation
from onionp2p.clients.listfile import ClientsFile
from onionp2p.clients.x25519 import ClientKey
from onionp2p.keys import Identity
from onionp2p.keys.files import saveIdentity

IDENTITY = Identity(bytes(range(32)))
ADDRESS = OnionAddress(IDENTITY.label, 7777)
PUBLIC = ClientKey(bytes(range(32))).public


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    Have relative paths lead to an empty folder.
    """
    monkeypatch.chdir(tmp_path)
    return tmp_path


def client(*arguments: str, status: int = 0) -> Result:
    """
    Run the command.
    """
    result = CliRunner().invoke(main, ["client", *arguments])
    assert result.exit_code == status, result.output
    return result


def test_theFriendMakesTheKey(here: Path) -> None:
    """
    The friend sends what is printed; with it the owner lets him in, and nothing secret was sent.
    """
    made = client("new", "my.key")
    public = made.stdout.strip()
    assert f"NAME {public}" in made.stderr
    assert stat.S_IMODE((here / "my.key").stat().st_mode) == 0o600
    assert client("invite", "friends", "alice", "--public", public).output == ""
    assert client("list", "friends").stdout == f"alice {public}\n"
    key = loadClientKey("my.key", ADDRESS)
    assert key.public == public
    assert key.toBase32() not in made.output + (here / "friends").read_text()


def test_keysForOneOnion(here: Path) -> None:
    """
    A key that was made for an onion is an invitation to it, and refused for others.
    """
    client("new", "my.key", "--address", f"{ADDRESS.hostname}:7777")
    assert readInvitation("my.key")[0] == ADDRESS
    assert "it exists already" in client("new", "my.key", status=1).stderr


@pytest.mark.parametrize(
    "onion",
    [
        ("--address", f"{ADDRESS.hostname}:7777"),
        ("--address", str(ADDRESS)),
        ("--key", "web.key", "--port", "7777"),
    ],
)
def test_theOwnerMakesBoth(here: Path, onion: tuple[str, ...]) -> None:
    """
    An invitation holds the address and the key, of which the list has the public half.
    """
    saveIdentity("web.key", IDENTITY)
    result = client("invite", "friends", "alice", *onion)
    assert "alice.invitation is for alice alone" in result.stderr
    assert stat.S_IMODE((here / "alice.invitation").stat().st_mode) == 0o600
    address, key = readInvitation("alice.invitation")
    assert address == ADDRESS
    assert ClientsFile("friends").read() == {"alice": key.public}
    assert key.toBase32() not in result.output


def test_whereTheInvitationGoes(here: Path) -> None:
    """
    To the file that is named, or to standard output, and then to no file.
    """
    onion = ("--address", str(ADDRESS))
    client("invite", "friends", "alice", *onion, "--output", "for-alice")
    printed = client("invite", "friends", "bob", *onion, "--output", "-").stdout
    (here / "for-bob").touch(0o600)
    (here / "for-bob").write_text(printed)
    for name in ("alice", "bob"):
        assert ClientsFile("friends").read()[name] == readInvitation(f"for-{name}")[1].public
    assert sorted(path.name for path in here.iterdir()) == ["for-alice", "for-bob", "friends"]


def test_qrCode(here: Path) -> None:
    """
    A QR code takes the place of the file, unless one is named; it fits on a terminal.
    """
    onion = ("--address", str(ADDRESS))
    code = client("invite", "friends", "alice", *onion, "--qr").stdout
    assert sorted(path.name for path in here.iterdir()) == ["friends"]
    lines = code.splitlines()
    assert set(code) <= set(" \n\u2580\u2584\u2588")
    assert max(map(len, lines)) <= 80
    assert len(lines) > 20
    client("invite", "friends", "bob", *onion, "--qr", "--output", "for-bob")
    assert readInvitation("for-bob")[1].public == ClientsFile("friends").read()["bob"]


def test_qrCodeHoldsTheInvitation(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What a camera reads is an invitation, but for the comment.
    """
    import segno

    made: list[str] = []
    make = segno.make

    def makeAndTell(text: str, **kinds: Any) -> segno.QRCode:
        made.append(text)
        return make(text, **kinds)

    monkeypatch.setattr(segno, "make", makeAndTell)
    client("invite", "friends", "alice", "--address", str(ADDRESS), "--qr", "--output=file")
    (here / "scanned").touch(0o600)
    (here / "scanned").write_text(made[0])
    assert readInvitation("scanned") == readInvitation("file")


def test_qrWithoutSegno(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Without what QR codes need, it is said what to install, and nobody let in.
    """
    monkeypatch.setitem(sys.modules, "segno", None)
    result = client("invite", "friends", "alice", "--address", str(ADDRESS), "--qr", status=1)
    assert "pip install 'onionp2p[qr]'" in result.stderr
    assert list(here.iterdir()) == []


def test_revoked(here: Path) -> None:
    """
    Who is taken from the list is no longer in it; the others and the comments are.
    """
    (here / "friends").write_text(f"# ours\nalice {PUBLIC}\n")
    client("invite", "friends", "bob", "--address", str(ADDRESS))
    client("revoke", "friends", "bob")
    assert client("list", "friends").stdout.startswith("alice ")
    assert (here / "friends").read_text().startswith("# ours\nalice ")
    assert "it names no 'bob'" in client("revoke", "friends", "bob", status=1).stderr


def test_refusedTogether(here: Path) -> None:
    """
    Where the list or the invitation can't be written, neither is.
    """
    onion = ("--address", str(ADDRESS))
    client("invite", "friends", "alice", *onion)
    before = (here / "friends").read_text()
    assert (
        "alice is there already"
        in client("invite", "friends", "alice", *onion, "--output=other", status=1).stderr
    )
    assert not (here / "other").exists()
    assert (
        "it exists already"
        in client("invite", "friends", "bob", *onion, "--output=alice.invitation", status=1).stderr
    )
    assert (here / "friends").read_text() == before


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "give --address ADDR, or --key IDENTITY and --port N, or --public"),
        (("--key=web.key",), "give --address ADDR, or --key IDENTITY and --port N, or --public"),
        (("--port=1",), "give --address ADDR, or --key IDENTITY and --port N, or --public"),
        (("--address", str(ADDRESS), "--port=1"), "give --address, or --key and --port"),
        (("--public", PUBLIC, "--qr"), "--qr is of no use with --public"),
        (("--public", PUBLIC, "--port=1"), "--port is of no use with"),
        (("--public=",), "Invalid value for '--public': a key has 52 characters, not 0"),
        (("--public", "A" * 52), "Invalid value for '--public': this is nobody's key"),
        (("--address=x.onion:1",), "Invalid value for '--address': an onion address has 56"),
        (("--address", f"/onion3/{ADDRESS.label}"), "Invalid value for '--address': the address l"),
        (("--key=web.key", "--port=0"), "Invalid value for '--port': a port is a number"),
        (("--key=web.key", "--port=1\r\n"), "Invalid value for '--port': a port is a number"),
    ],
)
def test_wrongUse(here: Path, arguments: tuple[str, ...], complaint: str) -> None:
    """
    A wrong use is explained, exits with 2, and makes nothing.
    """
    saveIdentity("web.key", IDENTITY)
    result = client("invite", "friends", "alice", *arguments, status=2)
    assert complaint in " ".join(result.stderr.split())
    assert [path.name for path in here.iterdir()] == ["web.key"]


@pytest.mark.parametrize("name", ["", "-", "..", "a/b", "a b", "a\nb", "ä", "x" * 33, "a\0"])
def test_names(here: Path, name: str) -> None:
    """
    Names are plain words, of which a file's name can be made.
    """
    result = client("invite", "friends", "--public", PUBLIC, "--", name, status=2)
    assert "Invalid value for 'NAME'" in result.stderr
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("command", [("list", "friends"), ("revoke", "friends", "alice")])
def test_noList(here: Path, command: tuple[str, ...]) -> None:
    """
    A list that is not there is not made.
    """
    result = client(*command, status=1)
    assert f"{here}/friends: there is no such file." in result.stderr
    assert list(here.iterdir()) == []


def test_json(here: Path) -> None:
    """
    With --json each result is an object on a line, and nothing else is said; no secret is in it.
    """

    def said(*arguments: str) -> list[dict[str, object]]:
        result = client(*arguments, "--json")
        assert result.stderr == ""
        return [json.loads(line) for line in result.stdout.splitlines()]

    (new,) = said("new", "my.key")
    assert new == {"file": "my.key", "public": loadClientKey("my.key", ADDRESS).public}
    (alice,) = said("invite", "friends", "alice", "--public", PUBLIC)
    assert alice == {"name": "alice", "public": PUBLIC, "address": None, "file": None}
    (bob,) = said("invite", "friends", "bob", "--address", str(ADDRESS))
    invited = readInvitation("bob.invitation")[1]
    assert bob == {
        "name": "bob",
        "public": invited.public,
        "address": str(ADDRESS),
        "file": "bob.invitation",
    }
    assert said("list", "friends") == [
        {"name": "alice", "public": PUBLIC},
        {"name": "bob", "public": invited.public},
    ]


@pytest.mark.parametrize("option", ["--qr", "--output=-"])
def test_jsonOrInvitation(here: Path, option: str) -> None:
    """
    An invitation on standard output stands alone.
    """
    onion = ("--address", str(ADDRESS))
    result = client("invite", "friends", "alice", *onion, option, "--json", status=2)
    assert "--json is of no use where the invitation itself is printed" in result.stderr
    assert list(here.iterdir()) == []
