# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The list of allowed clients.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.error import CannotListenError

from onionp2p.clients.listfile import ClientsFile, parseClients
from onionp2p.clients.x25519 import ClientKey
from onionp2p.errors import ClientsFileError
from onionp2p.local.locks import FileLock

KEYS = [ClientKey(bytes([1, number]) * 16).public for number in range(256)]
ALICE, BOB, CAROL = KEYS[:3]
TEXT = f"""\
# Freunde: grün
alice {ALICE}

  bob\tdescriptor:x25519:{BOB.lower()}   # his laptop
"""


def test_parsed() -> None:
    """
    Names and keys come in their order; blank lines and comments are none.
    """
    assert list(parseClients(TEXT).items()) == [("alice", ALICE), ("bob", BOB)]
    assert parseClients(TEXT.replace("\n", "\r\n")) == parseClients(TEXT)
    assert parseClients("") == parseClients("# nobody\n") == {}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("alice", "a line has a name and a public key"),
        (f"alice {CAROL} admin", "a line has a name and a public key"),
        (f"zo\u00eb {CAROL}", "a client's name has"),
        (f"-x {CAROL}", "a client's name has"),
        (f"../x {CAROL}", "a client's name has"),
        (f"{'x' * 33} {CAROL}", "a client's name has 1 to 32"),
        ("carol AAAA", "a key has 52 characters, not 4"),
        (f"carol {'A' * 52}", "nobody's key"),
        (f"alice {CAROL}", "alice is there already"),
        (f"carol {BOB}", "this is also the key of bob"),
        (f"carol\0 {CAROL}", "a control character"),
        (f"carol {CAROL} # \x1b[2J", "a control character"),
        (f"carol\r{CAROL}", "a control character"),
    ],
)
def test_badLines(line: str, complaint: str) -> None:
    """
    A line that can't be understood is named by its number.
    """
    with pytest.raises(ValueError, match=f"^line 5: .*{complaint}"):
        parseClients(f"{TEXT}{line}\n")


def test_manyClients() -> None:
    """
    There are at most as many as an onion's descriptor holds.
    """
    lines = [f"c{number} {key}" for number, key in enumerate(KEYS)]
    assert len(parseClients("\n".join(lines))) == 256
    lines.append(f"more {ClientKey.generate().public}")
    with pytest.raises(ValueError, match="line 257: an onion takes at most 256 clients"):
        parseClients("\n".join(lines))


@given(st.text(max_size=200))
def test_parsingIsTotal(text: str) -> None:
    """
    Any text is a list or a ValueError that names a line.
    """
    outcome: dict[str, str] | str
    try:
        outcome = parseClients(f"{text} {CAROL}")
    except ValueError as problem:
        outcome = str(problem)
    if isinstance(outcome, str):
        assert outcome.startswith("line ")
    else:
        assert set(outcome.values()) <= {CAROL}


def test_createdByTheFirst(tmp_path: Path) -> None:
    """
    The first client makes the file, for its owner alone.
    """
    path = tmp_path / "friends"
    file = ClientsFile(str(path))
    file.add("alice", ALICE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert file.read() == {"alice": ALICE}
    file.add("bob", f"descriptor:x25519:{BOB}")
    assert list(file.read().items()) == [("alice", ALICE), ("bob", BOB)]
    assert [entry.name for entry in tmp_path.iterdir()] == ["friends"]


def test_editsKeepTheRest(tmp_path: Path) -> None:
    """
    Comments, blank lines and the order stay, whether the last line has an end or not.
    """
    path = tmp_path / "friends"
    path.write_text(TEXT.rstrip("\n"))
    path.chmod(0o644)
    file = ClientsFile(str(path))
    file.add("carol", CAROL)
    assert path.read_text() == f"{TEXT}carol {CAROL}\n"
    file.remove("alice")
    assert path.read_text() == TEXT.replace(f"alice {ALICE}\n", "") + f"carol {CAROL}\n"
    file.remove("bob")
    file.remove("carol")
    assert path.read_text() == "# Freunde: grün\n\n"
    assert file.read() == {}
    assert [entry.name for entry in tmp_path.iterdir()] == ["friends"]


def test_refusedEditsChangeNothing(tmp_path: Path) -> None:
    """
    Names and keys that are there, names that are not, and names and keys that are none.
    """
    path = tmp_path / "friends"
    path.write_text(TEXT)
    file = ClientsFile(str(path))
    for name, key, complaint in [
        ("alice", CAROL, "alice is there already"),
        ("carol", BOB, "also the key of bob"),
        ("c d", CAROL, "a client's name"),
        ("carol\n", CAROL, "a client's name"),
        ("carol", f"{CAROL}\nmallory {CAROL}", "52 characters"),
    ]:
        with pytest.raises(ClientsFileError, match=complaint) as caught:
            file.add(name, key)
        assert isinstance(caught.value, CannotListenError)
    for name in ("carol", "", "#", "descriptor"):
        with pytest.raises(ClientsFileError, match="friends: it names no"):
            file.remove(name)
    assert path.read_text() == TEXT


def test_brokenFilesAreNotEdited(tmp_path: Path) -> None:
    """
    A list with a mistake stays as it is until its owner mends it.
    """
    path = tmp_path / "friends"
    path.write_text("alice")
    file = ClientsFile(str(path))
    for edit in (lambda: file.add("bob", BOB), lambda: file.remove("alice"), file.read):
        with pytest.raises(ClientsFileError, match="friends: line 1: a line has a name and"):
            edit()
    assert path.read_text() == "alice"


def test_oneEditAtATime(tmp_path: Path) -> None:
    """
    Two commands at once do not undo each other's work.
    """
    path = str(tmp_path / "friends")
    lock = FileLock(path + ".lock")
    with pytest.raises(ClientsFileError, match=rf"held by process {os.getpid()}\. Try again\."):
        ClientsFile(path).add("alice", ALICE)
    lock.release()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("broken", ["fsync", "rename"])
def test_listOutlivesADiskThatFails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """
    Whatever fails, the old list is there, whole, and nothing beside it.
    """

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "friends"
    path.write_text(TEXT)
    monkeypatch.setattr(os, broken, fail)
    with pytest.raises(ClientsFileError, match="No space"):
        ClientsFile(str(path)).remove("alice")
    monkeypatch.undo()
    assert path.read_text() == TEXT
    assert [entry.name for entry in tmp_path.iterdir()] == ["friends"]


def test_changesAreSeen(tmp_path: Path) -> None:
    """
    A file that was written, replaced, removed, made or given another mode is worth a look, once.
    """
    path = tmp_path / "friends"
    file = ClientsFile(str(path))

    def append() -> None:
        with path.open("a") as stream:
            stream.write(f"bob {BOB}\n")

    changes: list[Callable[[], object]] = [
        lambda: ClientsFile(str(path)).add("alice", ALICE),
        append,
        lambda: ClientsFile(str(path)).remove("alice"),
        lambda: path.chmod(0o622),
        lambda: path.chmod(0o600),
        path.unlink,
    ]
    for change in changes:
        assert not file.hasChanged()
        change()
        assert file.hasChanged()
        if path.exists() and not path.stat().st_mode & 0o022:
            file.read()
        else:
            with pytest.raises(ClientsFileError):
                file.read()
        assert not file.hasChanged()


def test_unfitFiles(tmp_path: Path) -> None:
    """
    What anybody could have written, or is no text file, lets nobody in; and nothing is made.
    """
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("list")
    os.mkfifo(tmp_path / "fifo", 0o600)
    for name, content, mode in [
        ("list", TEXT.encode(), 0o644),
        ("writable", TEXT.encode(), 0o602),
        ("group", TEXT.encode(), 0o620),
        ("latin", TEXT.encode() + b"\xe4\n", 0o600),
        ("huge", TEXT.encode() + b"\n" * 65536, 0o600),
        ("nul", b"\0" * 10, 0o600),
    ]:
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(mode)
    before = sorted(tmp_path.iterdir())
    for name, complaint in [
        ("folder", "not a regular file"),
        ("link", "it is a link"),
        ("fifo", "not a regular file"),
        ("writable", "others can write it; .* chmod go-w"),
        ("group", "others can write it"),
        ("latin", "line 5: it is not UTF-8"),
        ("huge", "it is too long"),
        ("nul", "line 1: it holds a control character"),
        ("missing", "there is no such file"),
        ("n\0l", "no file can have such a name"),
    ]:
        file = ClientsFile(str(tmp_path / name))
        with pytest.raises(ClientsFileError, match=complaint):
            file.read()
        with pytest.raises(ClientsFileError, match=complaint):
            file.remove("alice")
        if name != "missing":
            with pytest.raises(ClientsFileError, match=complaint):
                file.add("carol", CAROL)
    assert sorted(tmp_path.iterdir()) == before
