# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Key files that a passphrase encrypts.
"""

from __future__ import annotations

import base64
import os
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionp2p.errors import KeyFileError, KeyInUse
from onionp2p.keys import Identity, KeyFile, Passphrase, SealedIdentity
from onionp2p.keys.files import (
    decryptKeyFile,
    encryptKeyFile,
    inspectIdentity,
    loadIdentity,
    saveIdentity,
)
from onionp2p.keys.sealed import parseKeyFile

SEED = bytes(range(32))
IDENTITY = Identity(SEED)
PASSPHRASE = Passphrase(b"correct horse")
# Sealing takes 0.2 s: once for all tests that change a file.
SEALED = SealedIdentity.seal(IDENTITY, PASSPHRASE)
CONTENT = SEALED.toFileContent()
VARIABLE = "ONIONP2P_KEY_PASSPHRASE"


def write(path: Path, content: bytes) -> str:
    """
    Make a private file.
    """
    path.write_bytes(content)
    path.chmod(0o600)
    return str(path)


@pytest.fixture(autouse=True)
def noPassphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Take the environment's away.
    """
    monkeypatch.delenv(VARIABLE, raising=False)


def test_addressIsInClearAndTheKeyIsNot() -> None:
    """
    Who reads the file learns the address, and nothing of the key.
    """
    assert IDENTITY.hostname.encode() in CONTENT
    assert SEED not in base64.b64decode(CONTENT.splitlines()[-1].partition(b" ")[2])
    assert base64.b64encode(SEED)[:10] not in CONTENT


def test_twoFilesOfOneKeyDiffer() -> None:
    """
    Salt and nonce are fresh each time.
    """
    again = SealedIdentity.seal(IDENTITY, PASSPHRASE).toFileContent()
    pairs = zip(again.splitlines(), CONTENT.splitlines(), strict=True)
    assert [one == other for one, other in pairs] == [True, True, True, False, False]


@pytest.mark.parametrize("secret", [SEED, IDENTITY.expandedBytes()])
def test_openedByItsPassphraseAlone(secret: bytes) -> None:
    """
    The passphrase gives the very key back, any other an error.
    """
    identity = Identity(secret)
    sealed = SealedIdentity.fromFileContent(
        SealedIdentity.seal(identity, PASSPHRASE).toFileContent()
    )
    assert sealed.label == identity.label
    assert sealed.open(PASSPHRASE).toFileContent() == identity.toFileContent()
    with pytest.raises(ValueError, match="not its passphrase, or it is damaged"):
        sealed.open(Passphrase(b"correct horse\n"))


def test_addressIsAuthenticated() -> None:
    """
    A file whose address was replaced by another's can't be opened.
    """
    other = Identity.generate()
    forged = SealedIdentity.fromFileContent(
        CONTENT.replace(IDENTITY.label.encode(), other.label.encode())
    )
    with pytest.raises(ValueError, match="not its passphrase, or it is damaged"):
        forged.open(PASSPHRASE)


@pytest.mark.parametrize("logN", [b"1", b"13", b"19", b"31", b"62", b"99"])
def test_costIsBounded(logN: bytes) -> None:
    """
    A file can't make us work for hours, or fill the memory, or be a pushover.
    """
    with pytest.raises(ValueError, match=f"2\\^{int(logN)}, where 2\\^14 to 2\\^18"):
        SealedIdentity.fromFileContent(CONTENT.replace(b"scrypt 16 ", b"scrypt " + logN + b" "))


@pytest.mark.parametrize(
    "changed",
    [
        CONTENT.replace(b" 8 1 ", b" 8 2 "),
        CONTENT.replace(b" 8 1 ", b" 9999999 1 "),
        CONTENT.replace(b"scrypt 16", b"scrypt 016"),
        CONTENT.replace(b"scrypt 16", b"scrypt 9999999999"),
        CONTENT.replace(b"chacha20", b"rot13"),
        CONTENT.replace(b"\n", b"\r\n"),
        CONTENT + b"\n",
        CONTENT[:-1],
        CONTENT.replace(b"address a", b"address b"),
        CONTENT.replace(b"==\nchacha", b"AA\nchacha"),
    ],
)
def test_filesAreTakenAsTheyWereWritten(changed: bytes) -> None:
    """
    What differs in form is refused before any work is done.
    """
    assert changed != CONTENT
    with pytest.raises(ValueError, match="damaged"):
        parseKeyFile(changed)


@given(st.integers(0, len(CONTENT) - 1), st.integers(1, 255))
def test_anyFlippedByteIsAValueErrorOrStaysSealed(index: int, flip: int) -> None:
    """
    Reading a changed file is total.  That what it then seals can't be opened is the cipher's part.
    """
    damaged = bytearray(CONTENT)
    damaged[index] ^= flip
    try:
        kept = parseKeyFile(bytes(damaged))
    except ValueError:
        return
    assert isinstance(kept, SealedIdentity)
    assert kept.toFileContent() == damaged


@given(st.binary(max_size=300))
def test_anyContentIsAValueError(content: bytes) -> None:
    """
    So is reading anything.
    """
    for each in (content, b"onionp2p identity 1\n# x\nscrypt " + content):
        with pytest.raises(ValueError, match="it"):
            parseKeyFile(each)


def test_listenersTakeThePassphraseOfTheEnvironment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    With it a first use makes an encrypted file, and later ones open it; without it, the error says
    how to give it.
    """
    path = tmp_path / "key"
    monkeypatch.setenv(VARIABLE, "correct horse")
    first = KeyFile(str(path))
    first.close()
    assert b"Encrypted" in path.read_bytes()
    again = KeyFile(str(path))
    again.close()
    assert again.identity.expanded() == first.identity.expanded()
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(KeyFileError, match=f"key: it is encrypted: give .* as {VARIABLE}"):
        KeyFile(str(path))
    monkeypatch.setenv(VARIABLE, "")
    with pytest.raises(KeyFileError, match="it is encrypted"):
        KeyFile(str(path))
    monkeypatch.setenv(VARIABLE, "wrong horse")
    with pytest.raises(KeyFileError, match="not its passphrase"):
        KeyFile(str(path))
    monkeypatch.setenv(VARIABLE, "x" * 1025)
    with pytest.raises(KeyFileError, match=f"{VARIABLE}: a passphrase has at most 1024 bytes"):
        KeyFile(str(path))
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]


def test_filesInClearNeedNoPassphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    One that was given for other files does not disturb.
    """
    monkeypatch.setenv(VARIABLE, "correct horse")
    path = write(tmp_path / "key", IDENTITY.toFileContent())
    assert loadIdentity(path).label == IDENTITY.label
    assert (tmp_path / "key").read_bytes() == IDENTITY.toFileContent()


def test_encryptedAndDecryptedInPlace(tmp_path: Path) -> None:
    """
    A file goes both ways, and is in the end what it was.
    """
    path = tmp_path / "key"
    saveIdentity(str(path), IDENTITY)
    encryptKeyFile(str(path), PASSPHRASE)
    kept = inspectIdentity(str(path))
    assert isinstance(kept, SealedIdentity)
    assert kept.label == IDENTITY.label
    with pytest.raises(KeyFileError, match="encrypted already"):
        encryptKeyFile(str(path), PASSPHRASE)
    with pytest.raises(KeyFileError, match="not its passphrase"):
        decryptKeyFile(str(path), Passphrase(b"?"))
    decryptKeyFile(str(path), PASSPHRASE)
    assert path.read_bytes() == IDENTITY.toFileContent()
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(KeyFileError, match="not encrypted"):
        decryptKeyFile(str(path), PASSPHRASE)
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]


def test_notWhileInUse(tmp_path: Path) -> None:
    """
    The file of a listener is left alone; it can be looked at.
    """
    path = str(tmp_path / "key")
    file = KeyFile(path)
    for change in (encryptKeyFile, decryptKeyFile):
        with pytest.raises(KeyInUse, match=f"process {os.getpid()}"):
            change(path, PASSPHRASE)
    assert inspectIdentity(path).label == file.identity.label
    file.close()


@pytest.mark.parametrize("broken", ["write", "fsync", "rename"])
def test_keyOutlivesADiskThatFails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """
    Whatever fails while a file is rewritten, the old one is there, whole, and nothing beside it.
    """
    path = tmp_path / "key"
    saveIdentity(str(path), IDENTITY)

    def fail(*arguments: object) -> int:
        raise OSError(28, "No space left on device")

    write, calls = os.write, 0

    def failSecond(descriptor: int, content: bytes) -> int:
        nonlocal calls
        calls += 1  # the first is the lock's
        return write(descriptor, content) if calls == 1 else fail()

    monkeypatch.setattr(os, broken, failSecond if broken == "write" else fail)
    with pytest.raises(KeyFileError, match="No space"):
        encryptKeyFile(str(path), PASSPHRASE)
    monkeypatch.undo()
    assert path.read_bytes() == IDENTITY.toFileContent()
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]


@pytest.mark.parametrize("change", [encryptKeyFile, decryptKeyFile])
def test_whatIsNotThereIsNotMade(tmp_path: Path, change: object) -> None:
    """
    To rewrite or look at a file that is not there makes none.
    """
    assert callable(change)
    path = str(tmp_path / "key")
    for call in (lambda: change(path, PASSPHRASE), lambda: inspectIdentity(path)):
        with pytest.raises(KeyFileError, match="key: there is no such file"):
            call()
    assert list(tmp_path.iterdir()) == []


def test_passphrasesFromADescriptor() -> None:
    """
    The first line is it, without its end; what follows stays for others.
    """
    reader, writer = os.pipe()
    try:
        os.write(writer, "grün \n".encode() + b"rest")
        os.close(writer)
        passphrase = Passphrase.fromDescriptor(reader)
        assert passphrase.derive(b"salt", 14) == Passphrase("grün ".encode()).derive(b"salt", 14)
        assert os.read(reader, 10) == b"rest"
        with pytest.raises(ValueError, match="empty"):
            Passphrase.fromDescriptor(reader)
    finally:
        os.close(reader)
    with pytest.raises(ValueError, match="Bad file descriptor"):
        Passphrase.fromDescriptor(reader)


def test_longPassphrases(tmp_path: Path) -> None:
    """
    A stream without end is given up.
    """
    with open("/dev/zero", "rb") as file, pytest.raises(ValueError, match="at most 1024"):
        Passphrase.fromDescriptor(file.fileno())


def test_reprKeepsThePassphrase() -> None:
    """
    Neither it nor the key is shown, in a traceback with variables either.
    """
    text = repr(PASSPHRASE)
    try:
        saveIdentity("/nowhere/key", IDENTITY, PASSPHRASE)
    except KeyFileError as error:
        shown: BaseException | None = error
        while shown is not None:
            captured = traceback.TracebackException.from_exception(shown, capture_locals=True)
            text += "".join(captured.format())
            shown = shown.__context__
    assert "KeyFileError" in text
    assert "horse" not in text
    assert base64.b64encode(SEED).decode()[:10] not in text
    assert repr(SEED)[2:12] not in text
