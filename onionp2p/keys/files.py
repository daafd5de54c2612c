# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The files that keep identities: one while a listener uses it, and all that is done to them by hand.

Where a passphrase may be given and is not, the environment's counts
(L{Passphrase.fromEnvironment}): with it encrypted files are read, and new ones encrypted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from onionp2p.errors import KeyFileError, KeyInUse
from onionp2p.keys.identity import Identity
from onionp2p.keys.passphrase import VARIABLE, Passphrase
from onionp2p.keys.sealed import SealedIdentity, parseKeyFile
from onionp2p.local.files import (
    UnfitFile,
    createPrivate,
    readPrivate,
    replacePrivate,
    withoutFrames,
)
from onionp2p.local.folders import expandHome
from onionp2p.local.locks import lockBeside

__all__ = [
    "KeyFile",
    "decryptKeyFile",
    "encryptKeyFile",
    "inspectIdentity",
    "loadIdentity",
    "saveIdentity",
]

_LONGEST_FILE = 1024


class KeyFile:
    """
    An identity's file, locked against a second use for as long as this object is open.

    Decrypting it, or encrypting a new one, keeps the reactor waiting for some 0.2 s.

    @ivar identity: what it holds; made and saved if there was no file.

    @raise KeyInUse: if a listener has it already; says which process.
    @raise KeyFileError: if it can't be read, made or trusted.
    """

    def __init__(self, path: str, passphrase: Passphrase | None = None) -> None:
        self._path = _absolute(path)
        self._lock = lockBeside(self._path, inUse=KeyInUse, unfit=KeyFileError)

        def loadOrCreate() -> Identity:
            given = passphrase or Passphrase.fromEnvironment()
            content = readPrivate(self._path, _LONGEST_FILE)
            if content is not None:
                return _open(parseKeyFile(content), given)
            identity = Identity.generate()
            createPrivate(self._path, _content(identity, given))
            return identity

        try:
            self.identity = withoutFrames(loadOrCreate, _errorsOf(self._path))
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """
        Let others use the file.
        """
        self._lock.release()


def inspectIdentity(path: str) -> Identity | SealedIdentity:
    """
    Read a key file as far as that goes without a passphrase.

    @raise KeyFileError: if it can't be read or trusted.
    """
    path = _absolute(path)
    return withoutFrames(lambda: _read(path), _errorsOf(path))


def loadIdentity(path: str, passphrase: Passphrase | None = None) -> Identity:
    """
    Read a key file, which a listener may have in use.

    @raise KeyFileError: if it can't be read, decrypted or trusted.
    """
    path = _absolute(path)
    return withoutFrames(
        lambda: _open(_read(path), passphrase or Passphrase.fromEnvironment()), _errorsOf(path)
    )


def saveIdentity(path: str, identity: Identity, passphrase: Passphrase | None = None) -> None:
    """
    Make the key file of an identity; it is on disk when this returns.

    @raise KeyFileError: if it can't be made, or there is one.
    """
    path = _absolute(path)
    withoutFrames(
        lambda: createPrivate(path, _content(identity, passphrase or Passphrase.fromEnvironment())),
        _errorsOf(path),
    )


def encryptKeyFile(path: str, passphrase: Passphrase) -> None:
    """
    Encrypt a key file in its place: at every moment it is there, wholly the old or the new one.

    @raise KeyInUse: if a listener has it.
    @raise KeyFileError: if it can't be read or written, or is encrypted; it was left as it is.
    """

    def encrypted(kept: Identity | SealedIdentity) -> bytes:
        if isinstance(kept, SealedIdentity):
            raise UnfitFile("it is encrypted already")
        content = _content(kept, passphrase)
        # The one in clear goes for ever: what takes its place must be as good.
        _open(parseKeyFile(content), passphrase)
        return content

    with _locked(path) as absolute:
        withoutFrames(
            lambda: replacePrivate(absolute, encrypted(_read(absolute))), _errorsOf(absolute)
        )


def decryptKeyFile(path: str, passphrase: Passphrase) -> None:
    """
    Put a key file in clear in its place: at every moment it is there, wholly the old or the new.

    @raise KeyInUse: if a listener has it.
    @raise KeyFileError: if it can't be read, decrypted or written, or is in clear; it was left as
        it is.
    """

    def decrypted(kept: Identity | SealedIdentity) -> bytes:
        if isinstance(kept, Identity):
            raise UnfitFile("it is not encrypted")
        return kept.open(passphrase).toFileContent()

    with _locked(path) as absolute:
        withoutFrames(
            lambda: replacePrivate(absolute, decrypted(_read(absolute))), _errorsOf(absolute)
        )


def _absolute(path: str) -> str:
    return os.path.abspath(expandHome(path))


def _errorsOf(path: str) -> Callable[[str], KeyFileError]:
    return lambda reason: KeyFileError(f"{path}: {reason}.")


@contextmanager
def _locked(path: str) -> Iterator[str]:
    absolute = _absolute(path)
    lock = lockBeside(absolute, inUse=KeyInUse, unfit=KeyFileError)
    try:
        yield absolute
    finally:
        lock.release()


def _read(path: str) -> Identity | SealedIdentity:
    content = readPrivate(path, _LONGEST_FILE)
    if content is None:
        raise UnfitFile("there is no such file")
    return parseKeyFile(content)


def _open(kept: Identity | SealedIdentity, passphrase: Passphrase | None) -> Identity:
    if isinstance(kept, Identity):
        return kept
    if passphrase is None:
        raise UnfitFile(f"it is encrypted: give its passphrase in the environment, as {VARIABLE}")
    return kept.open(passphrase)


def _content(identity: Identity, passphrase: Passphrase | None) -> bytes:
    if passphrase is None:
        return identity.toFileContent()
    return SealedIdentity.seal(identity, passphrase).toFileContent()
