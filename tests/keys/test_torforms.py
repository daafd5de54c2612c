# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Identities from and to tor's own forms.  That a real tor takes them: tests/network/test_keys.py.
"""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionp2p.errors import KeyFileError
from onionp2p.keys import Identity
from onionp2p.keys.torforms import exportBlob, exportFolder, importBlob, importFolder, toBlob

IDENTITY = Identity(bytes(range(32)))
SECRET = b"== ed25519v1-secret: type0 ==\0\0\0" + IDENTITY.expandedBytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """
    A folder as tor makes it.
    """
    path = tmp_path / "service"
    exportFolder(str(path), IDENTITY)
    (path / "authorized_clients").mkdir(0o700)
    return path


def test_exportedPrivately(tmp_path: Path) -> None:
    """
    A folder and files for their owner alone, whatever the umask, byte for byte as tor's.
    """
    path = tmp_path / "service"
    umask = os.umask(0)
    try:
        exportFolder(str(path), IDENTITY)
    finally:
        os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.iterdir()} == {
        "hs_ed25519_secret_key": 0o600,
        "hs_ed25519_public_key": 0o600,
        "hostname": 0o600,
    }
    assert (path / "hs_ed25519_secret_key").read_bytes() == SECRET
    assert len((path / "hs_ed25519_public_key").read_bytes()) == 64
    assert (path / "hostname").read_text() == f"{IDENTITY.label}.onion\n"


def test_exportNeverOverwrites(tmp_path: Path) -> None:
    """
    What has the name is left as it is, even a link that leads nowhere.
    """
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("my thesis")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("folder", "file", "link"):
        for export in (exportFolder, exportBlob):
            with pytest.raises(KeyFileError, match=f"{name}: it exists already"):
                export(str(tmp_path / name), IDENTITY)
    assert (tmp_path / "file").read_text() == "my thesis"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder", "link"]
    assert list((tmp_path / "folder").iterdir()) == []


@pytest.mark.parametrize("broken", ["link", "rename", "fsync"])
def test_exportLeavesNothingHalf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """
    Where the disk fails there is no folder.
    """

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, broken, fail)
    with pytest.raises(KeyFileError, match="No space"):
        exportFolder(str(tmp_path / "service"), IDENTITY)
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


@given(st.binary(min_size=32, max_size=32))
def test_nothingIsLostOnTheWay(seed: bytes) -> None:
    """
    From tor's form into ours and back, no byte changes.
    """
    blob = toBlob(Identity(seed))
    again = importBlob("-", io.BytesIO(blob.encode()))
    assert toBlob(again) == blob
    assert toBlob(Identity.fromFileContent(again.toFileContent())) == blob


def test_foldersAreReadBack(folder: Path, tmp_path: Path) -> None:
    """
    A folder gives its identity, from which the very folder is made again.
    """
    identity = importFolder(str(folder))
    assert identity.label == IDENTITY.label
    exportFolder(str(tmp_path / "again"), identity)
    for name in ("hs_ed25519_secret_key", "hs_ed25519_public_key", "hostname"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_secretKeyIsEnough(folder: Path) -> None:
    """
    The other files, which tor makes anew, may be missing.
    """
    (folder / "hostname").unlink()
    (folder / "hs_ed25519_public_key").unlink()
    assert importFolder(str(folder)).label == IDENTITY.label


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("hs_ed25519_secret_key", SECRET[:-1], "damaged, or not tor's"),
        ("hs_ed25519_secret_key", SECRET + b"\n", "damaged, or not tor's"),
        ("hs_ed25519_secret_key", SECRET.replace(b"type0", b"type1"), "damaged, or not tor's"),
        ("hs_ed25519_secret_key", SECRET[:32] + bytes(64), "no expanded ed25519 key"),
        ("hs_ed25519_secret_key", bytes(2000), "hs_ed25519_secret_key: it is too long"),
        (
            "hs_ed25519_secret_key",
            SECRET[:40] + bytes([SECRET[40] ^ 1]) + SECRET[41:],
            "hs_ed25519_public_key does not belong to hs_ed25519_secret_key",
        ),
        ("hs_ed25519_public_key", b"", "hs_ed25519_public_key does not belong"),
        ("hostname", b"x.onion\n", "hostname does not belong to hs_ed25519_secret_key"),
    ],
)
def test_damagedFolders(folder: Path, name: str, content: bytes, complaint: str) -> None:
    """
    Files that do not belong together are refused by their names.
    """
    (folder / name).write_bytes(content)
    with pytest.raises(KeyFileError, match=f"service: .*{complaint}"):
        importFolder(str(folder))


def test_foldersMustBePrivate(folder: Path) -> None:
    """
    A secret that others could have read is refused, as is a link.
    """
    secret = folder / "hs_ed25519_secret_key"
    secret.chmod(0o640)
    with pytest.raises(KeyFileError, match="hs_ed25519_secret_key: others can read it"):
        importFolder(str(folder))
    secret.rename(folder / "elsewhere")
    secret.symlink_to("elsewhere")
    with pytest.raises(KeyFileError, match="hs_ed25519_secret_key: it is a link"):
        importFolder(str(folder))
    secret.unlink()
    with pytest.raises(KeyFileError, match="it holds no hs_ed25519_secret_key"):
        importFolder(str(folder))


def test_blobFiles(tmp_path: Path) -> None:
    """
    A file holds the line, for its owner alone, and is read back.
    """
    path = tmp_path / "blob"
    exportBlob(str(path), IDENTITY)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == f"ED25519-V3:{IDENTITY.expanded()}\n"
    assert importBlob(str(path)).label == IDENTITY.label
    path.chmod(0o644)
    with pytest.raises(KeyFileError, match="blob: others can read it"):
        importBlob(str(path))
    with pytest.raises(KeyFileError, match="other: there is no such file"):
        importBlob(str(tmp_path / "other"))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "does not begin with ED25519-V3:"),
        (b"RSA1024:abc", "does not begin with ED25519-V3:"),
        (b"ED25519-V3:", "lacks the base64 of 64 bytes"),
        (b"ED25519-V3:AAAA\n", "lacks the base64 of 64 bytes"),
        (b"ED25519-V3:\xff\0", "lacks the base64 of 64 bytes"),
        (toBlob(IDENTITY).encode()[:-1], "lacks the base64 of 64 bytes"),
        (b"ED25519-V3:" + b"A" * 86 + b"==", "no expanded ed25519 key"),
        (b"ED25519-V3:" + b"A" * 2000, "too long"),
    ],
)
def test_damagedBlobs(content: bytes, complaint: str) -> None:
    """
    What is no key says why.
    """
    with pytest.raises(KeyFileError, match=f"standard input: it .*{complaint}"):
        importBlob("-", io.BytesIO(content))


@given(st.binary(max_size=200))
def test_anyBlobIsAnError(content: bytes) -> None:
    """
    Reading is total.
    """
    for each in (content, b"ED25519-V3:" + content):
        with pytest.raises(KeyFileError, match="standard input: it"):
            importBlob("-", io.BytesIO(each))
