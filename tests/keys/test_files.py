# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Identities and their files.
"""

from __future__ import annotations

import base64
import os
import stat
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionp2p.errors import KeyFileError, KeyInUse
from onionp2p.keys import Identity, KeyFile

seeds = st.binary(min_size=32, max_size=32)

SEED = bytes(range(32))
CONTENT = Identity(SEED).toFileContent()
EXPANDED_CONTENT = Identity(Identity(SEED).expandedBytes()).toFileContent()


def test_expandedKeyIsTors() -> None:
    """
    The key given to tor is the clamped SHA-512 of the seed, whose public half is the address's.
    """
    # RFC 8032, section 7.1, test 1.
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    identity = Identity(seed)
    assert base64.b32decode(identity.label.upper())[:32] == public
    key = base64.b64decode(identity.expanded())
    assert len(key) == 64
    assert key[0] & 7 == 0
    assert key[31] >> 6 == 1


@given(seeds)
def test_expandedKeysAreTheSameIdentity(seed: bytes) -> None:
    """
    An expanded key, from which its seed can't be had back, has the seed's address.
    """
    identity = Identity(seed)
    again = Identity(identity.expandedBytes())
    assert (again.label, again.expanded()) == (identity.label, identity.expanded())


@pytest.mark.parametrize("length", [0, 1, 31, 33, 63, 65, 96])
def test_keysHaveTwoLengths(length: int) -> None:
    """
    What is neither a seed nor an expanded key makes no identity.
    """
    with pytest.raises(ValueError, match="32 or 64 bytes"):
        Identity(bytes(length))


@pytest.mark.parametrize(("index", "bits"), [(0, 1), (0, 4), (31, 0x80), (31, 0x40)])
def test_expandedKeysAreClamped(index: int, bits: int) -> None:
    """
    A number that no seed grows into is no key, though tor would serve some address with it.
    """
    key = bytearray(Identity(SEED).expandedBytes())
    key[index] ^= bits
    with pytest.raises(ValueError, match="damaged"):
        Identity(bytes(key))


@given(seeds, st.booleans())
def test_fileContentIsReadBack(seed: bytes, fromTor: bool) -> None:
    """
    A file gives the identity that it was made of, and is written alike again.
    """
    identity = Identity(Identity(seed).expandedBytes() if fromTor else seed)
    content = identity.toFileContent()
    again = Identity.fromFileContent(content)
    assert (again.label, again.expanded()) == (identity.label, identity.expanded())
    assert again.toFileContent() == content


@given(st.sampled_from([CONTENT, EXPANDED_CONTENT]), st.data(), st.integers(1, 255))
def test_anyFlippedByteIsFound(content: bytes, data: st.DataObject, flip: int) -> None:
    """
    A file of which one byte has changed is refused, and the complaint holds none of its secret.
    """
    damaged = bytearray(content)
    damaged[data.draw(st.integers(0, len(content) - 1))] ^= flip
    with pytest.raises(ValueError, match="it") as caught:
        Identity.fromFileContent(bytes(damaged))
    assert base64.b64encode(SEED).decode()[:10] not in str(caught.value)


@pytest.mark.parametrize("index", range(32, 64))
def test_changedPrefixesAreFound(index: int) -> None:
    """
    A change in the half of an expanded key that its address does not depend on is found too.
    """
    rest, _, text = EXPANDED_CONTENT.rpartition(b" ")
    kept = bytearray(base64.b64decode(text))
    kept[index] ^= 1
    with pytest.raises(ValueError, match="do not belong together"):
        Identity.fromFileContent(rest + b" " + base64.b64encode(kept) + b"\n")


@given(st.binary(max_size=300))
def test_anyContentIsAnIdentityOrAValueError(content: bytes) -> None:
    """
    Reading is total.
    """
    with pytest.raises(ValueError, match="it"):
        Identity.fromFileContent(content)


@pytest.mark.parametrize("content", [CONTENT, EXPANDED_CONTENT])
def test_truncatedFilesAreRefused(content: bytes) -> None:
    """
    Half a file is no identity.
    """
    for length in range(len(content)):
        with pytest.raises(ValueError, match="it"):
            Identity.fromFileContent(content[:length])


def test_reprKeepsTheSecret() -> None:
    """
    What is shown of an identity is its address.
    """
    identity = Identity.generate()
    assert identity.label in repr(identity)
    assert identity.expanded()[:10] not in repr(identity)


def test_createdPrivateAndKept(tmp_path: Path) -> None:
    """
    The first use makes the file, for its owner alone whatever the umask; later ones find it.
    """
    path = tmp_path / "key"
    umask = os.umask(0)
    try:
        first = KeyFile(str(path))
    finally:
        os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first.close()
    second = KeyFile(str(path))
    second.close()
    assert second.identity.label == first.identity.label
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]


def test_lockedWhileInUse(tmp_path: Path) -> None:
    """
    A second listener is told which process has the key.
    """
    path = str(tmp_path / "key")
    file = KeyFile(path)
    with pytest.raises(KeyInUse, match=f"process {os.getpid()}"):
        KeyFile(path)
    file.close()
    KeyFile(path).close()


def test_neverOverwritten(tmp_path: Path) -> None:
    """
    A file that is no key file is left as it is.
    """
    path = tmp_path / "key"
    path.write_bytes(b"my thesis")
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="not an onionp2p key file"):
        KeyFile(str(path))
    assert path.read_bytes() == b"my thesis"
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]


def test_othersMustNotRead(tmp_path: Path) -> None:
    """
    A key that others could have read is refused, with the remedy.
    """
    path = tmp_path / "key"
    path.write_bytes(CONTENT)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        KeyFile(str(path))


def test_notAFile(tmp_path: Path) -> None:
    """
    Folders, links, fifos and places that do not exist are refused with the reason.
    """
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / "fifo", 0o600)
    for name, complaint in [
        ("folder", "not a regular file"),
        ("link", "a link"),
        ("fifo", "not a regular file"),
        ("missing/key", "the folder that is to hold it does not exist"),
        ("nul\0key", "no file can have such a name"),
        ("k" * 256, "name too long"),
    ]:
        with pytest.raises(KeyFileError, match=complaint):
            KeyFile(str(tmp_path / name))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["fifo", "folder", "link"]


def test_nothingIsLeftWhereThereIsNoRoom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A key that could not be written wholly is not there at all.
    """
    monkeypatch.setattr(os, "write", lambda descriptor, data: len(data) // 2)
    with pytest.raises(KeyFileError, match="No space"):
        KeyFile(str(tmp_path / "key"))
    assert list(tmp_path.iterdir()) == []


def test_relativePaths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A path may be relative to the present folder.
    """
    monkeypatch.chdir(tmp_path)
    KeyFile("key").close()
    assert (tmp_path / "key").exists()


def tracebacksOf(path: Path) -> str:
    """
    Give all that can be shown of the failure to open a key file: with variables, and with what it
    came from, which "from None" hides and does not forget.
    """
    text = ""
    try:
        KeyFile(str(path))
    except KeyFileError as error:
        shown: BaseException | None = error
        while shown is not None:
            captured = traceback.TracebackException.from_exception(shown, capture_locals=True)
            text += "".join(captured.format())
            shown = shown.__context__
    return text


def test_hugeFiles(tmp_path: Path) -> None:
    """
    Of a file that is far too long no more is read than shows it.
    """
    path = tmp_path / "key"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="too long"):
        KeyFile(str(path))


@pytest.mark.parametrize("damaged", [CONTENT[:-1], CONTENT.replace(b"\n", b"\r\n")])
def test_tracebacksKeepTheSecret(tmp_path: Path, damaged: bytes) -> None:
    """
    Not even a traceback that shows variables holds the key of a damaged file.
    """
    path = tmp_path / "key"
    path.write_bytes(damaged)
    path.chmod(0o600)
    text = tracebacksOf(path)
    assert "KeyFileError" in text
    assert base64.b64encode(SEED).decode()[:10] not in text
