# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The files of identities.
"""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import pytest
from twisted.internet.error import CannotListenError, ConnectError

from onionp2p.libp2p import Identity
from onionp2p.libp2p.errors import IdentityFileError, IdentityInUse
from onionp2p.libp2p.identityfile import IdentityFile, holdIdentityFile
from onionp2p.libp2p.publickey import RSA, encodeKey
from onionp2p.local.locks import FileLock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where one is to be."""
    return tmp_path / "id"


def test_madeOnce(path: Path) -> None:
    """
    The file is made at first use, for its owner alone, and kept.
    """
    first = IdentityFile(str(path))
    first.close()
    assert path.stat().st_mode & 0o777 == 0o600
    content = path.read_bytes()
    second = IdentityFile(str(path))
    second.close()
    assert first.identity.peerID == second.identity.peerID
    assert (path.read_bytes(), os.listdir(path.parent)) == (content, ["id"])


def test_ofAnotherNode(path: Path) -> None:
    """
    It holds what other libp2p nodes keep, so that theirs can be used.
    """
    identity = Identity.generate()
    path.write_bytes(identity.encode())
    path.chmod(0o600)
    file = IdentityFile(str(path))
    file.close()
    assert file.identity.peerID == identity.peerID


def test_shared(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The endpoints of one process share it, however they write its name, until the last has given it
    back.
    """
    monkeypatch.setenv("HOME", str(path.parent))
    first, giveBackFirst = holdIdentityFile(str(path))
    second, giveBackSecond = holdIdentityFile(f"{path.parent}/x/../id")
    assert first is second
    giveBackFirst()
    with pytest.raises(IdentityInUse):
        IdentityFile(str(path))
    giveBackSecond()
    IdentityFile(str(path)).close()


def test_inUse(path: Path) -> None:
    """
    One that another program has is refused, and the process is named.
    """
    lock = FileLock(f"{path}.lock")
    with pytest.raises(IdentityInUse, match=f"held by process {os.getpid()}") as caught:
        holdIdentityFile(str(path))
    assert isinstance(caught.value, CannotListenError)
    assert isinstance(caught.value, ConnectError)
    lock.release()
    _, giveBack = holdIdentityFile(str(path))
    giveBack()


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (b"", 0o600, "not an Ed25519 private key as libp2p writes them"),
        (Identity(bytes(32)).encode()[:-1], 0o600, "not an Ed25519 private key"),
        (Identity(bytes(32)).encode() + b"x", 0o600, "not an Ed25519 private key"),
        (encodeKey(RSA, bytes(2300)), 0o600, "not an Ed25519 private key"),
        (bytes(9000), 0o600, "too long"),
        (Identity(bytes(32)).encode(), 0o640, "chmod 600"),
    ],
    ids=["empty", "cut", "more", "RSA", "long", "readable"],
)
def test_unfit(path: Path, content: bytes, mode: int, words: str) -> None:
    """
    What can't be used or trusted is refused with the reason, left as it was, and not shown.
    """
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(IdentityFileError, match=words) as caught:
        holdIdentityFile(str(path))
    assert str(path) in str(caught.value)
    assert caught.tb is not None
    ours = caught.tb.tb_next  # the first frame is this test's, which knows the content
    shown = traceback.TracebackException(
        type(caught.value), caught.value, ours, capture_locals=True
    )
    assert not content or repr(content)[2:40] not in "".join(shown.format())
    assert (path.read_bytes(), os.listdir(path.parent)) == (content, ["id"])


def test_noFolder(path: Path) -> None:
    """
    A folder that is not there is named.
    """
    with pytest.raises(IdentityFileError, match="the folder that is to hold it does not exist"):
        holdIdentityFile(str(path / "deeper"))


def test_link(path: Path) -> None:
    """
    A link is not followed.
    """
    other = path.parent / "other"
    other.write_bytes(Identity.generate().encode())
    other.chmod(0o600)
    path.symlink_to(other)
    with pytest.raises(IdentityFileError, match="link"):
        holdIdentityFile(str(path))
