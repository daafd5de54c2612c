# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p key}.
"""

from __future__ import annotations

import base64
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from onionp2p.cli import main
from onionp2p.errors import KeyFileError
from onionp2p.keys import Identity, KeyFile

VARIABLE = "ONIONP2P_KEY_PASSPHRASE"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    Have relative paths lead to an empty folder.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path


@pytest.fixture
def descriptor() -> Iterator[str]:
    """
    The number of a descriptor that a passphrase can be read from, once.
    """
    reader, writer = os.pipe()
    os.write(writer, b"correct horse\n")
    os.close(writer)
    yield str(reader)
    os.close(reader)


def key(*arguments: str, status: int = 0, stdin: bytes | None = None) -> Result:
    """
    Run the command.
    """
    result = CliRunner().invoke(main, ["key", *arguments], input=stdin)
    assert result.exit_code == status, result.output
    return result


def test_newAndShow(here: Path) -> None:
    """
    A fresh identity's address is all that goes to standard output; it is shown again, and served.
    """
    address = key("new", "web.key").stdout
    assert len(address) == len("x" * 56 + ".onion\n")
    shown = key("show", "web.key")
    assert (shown.stdout, shown.stderr) == (address, "not encrypted\n")
    file = KeyFile("web.key")
    assert f"{file.identity.hostname}\n" == address
    file.close()
    assert stat.S_IMODE((here / "web.key").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "command",
    [
        ("new", "taken"),
        ("import", "taken", "--blob=blob"),
        ("import", "taken", "--folder=folder"),
        ("export", "taken", "--blob=blob"),
        ("export", "taken", "--folder=folder"),
    ],
)
def test_neverOverwritten(here: Path, command: tuple[str, ...]) -> None:
    """
    No command writes over anything.
    """
    key("new", "taken")
    key("export", "taken", "--blob=blob")
    key("export", "taken", "--folder=folder")
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    result = key(*command, status=1)
    assert "it exists already, and was left as it is: name another." in result.stderr
    assert {path: path.read_bytes() for path in here.rglob("*") if path.is_file()} == before


def test_exportedAndImported(here: Path) -> None:
    """
    An identity goes to tor's forms and back, by files and pipes, and keeps its address.
    """
    address = key("new", "web.key").stdout
    assert key("export", "web.key", "--folder", "service").output == ""
    assert (here / "service" / "hostname").read_text() == address
    assert key("import", "second.key", "--folder", "service").stdout == address
    blob = key("export", "second.key", "--blob", "-").stdout
    assert blob.startswith("ED25519-V3:")
    assert key("import", "third.key", "--blob", "-", stdin=blob.encode()).stdout == address
    assert (here / "second.key").read_bytes() == (here / "third.key").read_bytes()
    assert key("export", "third.key", "--blob", "blob").output == ""
    assert (here / "blob").read_text() == blob
    assert key("import", "fourth.key", "--blob", "blob").stdout == address


@pytest.mark.parametrize("forms", [(), ("--blob=x", "--folder=x")])
def test_oneForm(here: Path, forms: tuple[str, ...]) -> None:
    """
    Which form of tor's is meant must be said, once.
    """
    for command in ("export", "import"):
        assert (
            "give one of --folder DIR and --blob FILE"
            in key(command, "web.key", *forms, status=2).stderr
        )
    assert list(here.iterdir()) == []


def test_encrypted(here: Path, descriptor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A file is encrypted and decrypted in place; the passphrase comes from a descriptor, or from the
    environment.
    """
    address = key("new", "web.key").stdout
    before = (here / "web.key").read_bytes()
    key("encrypt", "web.key", "--passphrase-fd", descriptor)
    shown = key("show", "web.key")
    assert shown.stdout == address
    assert shown.stderr == "encrypted; without the passphrase nothing proves this\n"
    assert (
        f"in the environment, as {VARIABLE}"
        in key("export", "web.key", "--blob=-", status=1).stderr
    )
    monkeypatch.setenv(VARIABLE, "wrong horse")
    assert "not its passphrase" in key("show", "web.key", status=1).stderr
    assert "not its passphrase" in key("decrypt", "web.key", status=1).stderr
    monkeypatch.setenv(VARIABLE, "correct horse")
    assert key("show", "web.key").stderr == "encrypted; the passphrase opens it\n"
    key("decrypt", "web.key")
    assert (here / "web.key").read_bytes() == before


def test_madeEncrypted(here: Path, descriptor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where a passphrase is given, new files are encrypted from the first.
    """
    made = key("new", "web.key", "--passphrase-fd", descriptor)
    assert made.stderr == "encrypted\n"
    monkeypatch.setenv(VARIABLE, "correct horse")
    assert key("show", "web.key").stdout == made.stdout
    key("export", "web.key", "--folder", "service")
    key("import", "second.key", "--folder", "service")
    for name in ("web.key", "second.key"):
        assert b"# Encrypted" in (here / name).read_bytes()


@pytest.mark.parametrize("command", ["encrypt", "decrypt"])
def test_passphraseNeeded(here: Path, command: str) -> None:
    """
    Without a passphrase, it is said how to give one.
    """
    key("new", "web.key")
    result = key(command, "web.key", status=2)
    assert f"environment, as {VARIABLE}, or by --passphrase-fd N" in result.stderr


@pytest.mark.parametrize("number", ["", "x", "-1", "1e3", "99999", "999999", "\u0663"])
def test_badDescriptors(here: Path, number: str) -> None:
    """
    A number that is none, or of nothing that is open, is a wrong use of the option.
    """
    result = key("new", "web.key", "--passphrase-fd", number, status=2)
    assert "Invalid value for '--passphrase-fd'" in result.stderr
    assert list(here.iterdir()) == []


def test_inUse(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A listener's key can be shown and exported, not rewritten.
    """
    file = KeyFile("web.key")
    assert key("show", "web.key").stdout == f"{file.identity.hostname}\n"
    monkeypatch.setenv(VARIABLE, "correct horse")
    result = key("encrypt", "web.key", status=1)
    assert f"held by process {os.getpid()}" in result.stderr
    file.close()


@pytest.mark.parametrize("command", ["show", "export", "encrypt", "decrypt"])
@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("missing", "missing: there is no such file."),
        ("folder", "folder: it is not a regular file."),
        ("link", "link: it is a link; name the file itself."),
        ("readable", "readable: others can read it; if they did not, chmod 600 it."),
        ("thesis", "thesis: it is not an onionp2p key file."),
        ("truncated", "truncated: it is damaged: "),
    ],
)
def test_unfitFiles(
    here: Path, monkeypatch: pytest.MonkeyPatch, command: str, name: str, complaint: str
) -> None:
    """
    What can't be used is named, with the reason and the remedy, and nothing is made.
    """
    monkeypatch.setenv(VARIABLE, "correct horse")
    content = Identity.generate().toFileContent()
    (here / "folder").mkdir()
    (here / "link").symlink_to("truncated")
    for each, held, mode in [
        ("readable", content, 0o644),
        ("thesis", b"my thesis", 0o600),
        ("truncated", content[:-9], 0o600),
    ]:
        (here / each).write_bytes(held)
        (here / each).chmod(mode)
    before = sorted(here.iterdir())
    forms = ["--blob=-"] if command == "export" else []
    result = key(command, name, *forms, status=1)
    assert result.stdout == ""
    assert f"{KeyFileError()} {here}/{complaint}" in result.stderr
    assert base64.b64encode(content[-40:]).decode()[:10] not in result.stderr
    assert sorted(here.iterdir()) == before


def test_json(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    With --json all that is printed is an object: the address, whether the file is encrypted, and
    whether it is proven that the address is the key's.
    """

    def said(*arguments: str) -> dict[str, object]:
        result = key(*arguments, "--json")
        assert result.stderr == ""
        found: dict[str, object] = json.loads(result.stdout)
        return found

    made = said("new", "web.key")
    assert made == {"address": made["address"], "encrypted": False, "proven": True}
    assert said("show", "web.key") == made
    key("export", "web.key", "--folder=service")
    assert said("import", "again.key", "--folder=service") == made
    monkeypatch.setenv(VARIABLE, "correct horse")
    key("encrypt", "web.key")
    assert said("show", "web.key") == {**made, "encrypted": True}
    monkeypatch.delenv(VARIABLE)
    assert said("show", "web.key") == {**made, "encrypted": True, "proven": False}


def test_qr(here: Path) -> None:
    """
    The address can be shown as a QR code, below it.
    """
    address = key("new", "web.key").stdout
    shown = key("show", "web.key", "--qr").stdout
    assert shown.startswith(address)
    assert "\u2580" in shown.removeprefix(address)
    assert "--qr and --json" in key("show", "web.key", "--qr", "--json", status=2).stderr


def test_badPassphrase(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What can be no passphrase is refused before anything is made.
    """
    monkeypatch.setenv(VARIABLE, "x" * 2000)
    result = key("new", "web.key", status=2)
    assert f"${VARIABLE}: a passphrase has at most" in result.stderr
    assert list(here.iterdir()) == []
