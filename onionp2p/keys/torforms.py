# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Identities as tor keeps them: the folder of a C{HiddenServiceDir}, and the text that C{ADD_ONION}
takes and gives.

The folder holds C{hs_ed25519_secret_key}, C{hs_ed25519_public_key} (each 32 bytes that say what it
is, and the key) and C{hostname}.  Tor's keys are expanded ones; nothing is lost on the way here and
back.  From a seed to tor's form there is no way back to the seed, but the key stays the same.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from base64 import b32decode, b64decode
from contextlib import suppress
from typing import BinaryIO

from onionp2p.errors import KeyFileError
from onionp2p.keys.identity import Identity
from onionp2p.local.files import (
    NO_FOLDER,
    UnfitFile,
    createPrivate,
    readPrivate,
    readStream,
    syncFolder,
    withoutFrames,
)
from onionp2p.local.folders import expandHome

__all__ = ["exportBlob", "exportFolder", "importBlob", "importFolder", "toBlob"]

_SECRET_FILE = "hs_ed25519_secret_key"  # noqa: S105 - its name
_PUBLIC_FILE = "hs_ed25519_public_key"
_HOSTNAME_FILE = "hostname"
_SECRET_TAG = b"== ed25519v1-secret: type0 ==\0\0\0"
_PUBLIC_TAG = b"== ed25519v1-public: type0 ==\0\0\0"
_BLOB_PREFIX = "ED25519-V3:"
_LONGEST_FILE = 1024


def importFolder(folder: str) -> Identity:
    """
    Read the folder that tor's C{HiddenServiceDir} names.

    @raise KeyFileError: if it, or a file in it, can't be read or trusted, or if they do not belong
        together.
    """
    folder = os.path.abspath(expandHome(folder))

    def read(name: str) -> bytes | None:
        try:
            return readPrivate(os.path.join(folder, name), _LONGEST_FILE)
        except UnfitFile as problem:
            raise UnfitFile(f"{name}: {problem}") from None

    def load() -> Identity:
        secret = read(_SECRET_FILE)
        if secret is None:
            raise UnfitFile(f"it holds no {_SECRET_FILE}, so it is no folder of an onion service")
        if not secret.startswith(_SECRET_TAG) or len(secret) != len(_SECRET_TAG) + 64:
            raise UnfitFile(f"{_SECRET_FILE}: it is damaged, or not tor's")
        identity = Identity(secret[len(_SECRET_TAG) :])
        # Tor makes them anew where they are missing.
        if read(_PUBLIC_FILE) not in {None, _publicContent(identity)}:
            raise UnfitFile(f"{_PUBLIC_FILE} does not belong to {_SECRET_FILE}")
        hostname = read(_HOSTNAME_FILE)
        if hostname is not None and hostname.strip() != identity.hostname.encode("ascii"):
            raise UnfitFile(f"{_HOSTNAME_FILE} does not belong to {_SECRET_FILE}")
        return identity

    return withoutFrames(load, lambda reason: KeyFileError(f"{folder}: {reason}."))


def _publicContent(identity: Identity) -> bytes:
    return _PUBLIC_TAG + b32decode(identity.label.upper())[:32]


def exportFolder(folder: str, identity: Identity) -> None:
    """
    Make a folder for tor's C{HiddenServiceDir}, of mode 0700, its files of mode 0600; wholly or not
    at all, and on disk when this returns.

    @raise KeyFileError: if it can't be made, or there is something of that name.
    """
    folder = os.path.abspath(expandHome(folder))

    def save() -> None:
        try:
            _exportFolder(folder, identity)
        except OSError as problem:
            raise UnfitFile(str(problem.strerror)) from None

    withoutFrames(save, lambda reason: KeyFileError(f"{folder}: {reason}."))


def _exportFolder(folder: str, identity: Identity) -> None:
    # An empty folder that somebody makes from here on would be replaced: it loses nothing.
    if os.path.lexists(folder):
        raise UnfitFile("it exists already, and was left as it is: name another")
    draft = f"{folder}.{secrets.token_hex(4)}.new"
    try:
        os.mkdir(draft, 0o700)
    except FileNotFoundError:
        raise UnfitFile(NO_FOLDER) from None
    try:
        for name, content in [
            (_SECRET_FILE, _SECRET_TAG + identity.expandedBytes()),
            (_PUBLIC_FILE, _publicContent(identity)),
            (_HOSTNAME_FILE, f"{identity.hostname}\n".encode("ascii")),
        ]:
            createPrivate(os.path.join(draft, name), content)
        os.rename(draft, folder)
    except BaseException:
        with suppress(OSError):
            shutil.rmtree(draft)
        raise
    syncFolder(os.path.dirname(folder))


def toBlob(identity: Identity) -> str:
    """
    Give the key as C{ADD_ONION} takes it, C{ED25519-V3:<base64 of 64 bytes>} (control-spec,
    section 3.27).  A secret: don't keep it.
    """
    return _BLOB_PREFIX + identity.expanded()


def exportBlob(path: str, identity: Identity) -> None:
    """
    Make a file of mode 0600 that holds L{toBlob} and a line end; on disk when this returns.

    @raise KeyFileError: if it can't be made, or there is one.
    """
    path = os.path.abspath(expandHome(path))
    withoutFrames(
        lambda: createPrivate(path, f"{toBlob(identity)}\n".encode("ascii")),
        lambda reason: KeyFileError(f"{path}: {reason}."),
    )


def importBlob(path: str, stdin: BinaryIO | None = None) -> Identity:
    """
    Read a key as C{ADD_ONION} gives it.

    @param path: a file, private to its owner; or C{-} for standard input.
    @param stdin: what to read in place of standard input.

    @raise KeyFileError: if it can't be read or trusted.
    """
    stream = stdin or getattr(sys.stdin, "buffer", None)
    name = "standard input" if path == "-" else os.path.abspath(expandHome(path))

    def load() -> Identity:
        if path == "-":
            return _fromBlob(readStream(stream, _LONGEST_FILE))
        content = readPrivate(name, _LONGEST_FILE)
        if content is None:
            raise UnfitFile("there is no such file")
        return _fromBlob(content)

    return withoutFrames(load, lambda reason: KeyFileError(f"{name}: {reason}."))


def _fromBlob(content: bytes) -> Identity:
    prefix = _BLOB_PREFIX.encode("ascii")
    if not content.startswith(prefix):
        raise ValueError(f"it does not begin with {_BLOB_PREFIX}")
    try:
        key = b64decode(content.removeprefix(prefix).rstrip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != 64:
        raise ValueError(f"it lacks the base64 of 64 bytes after {_BLOB_PREFIX}")
    return Identity(key)
