# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The files that keep identities (C{identity=PATH}): libp2p's C{PrivateKey} message, as other nodes
keep it.

They are made and trusted as the files of onions' keys are: of mode 0600, whole or not there, never
overwritten, and locked while in use.  The endpoints of one process share what is in use.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from onionp2p.libp2p.errors import IdentityFileError, IdentityInUse
from onionp2p.libp2p.identity import Identity
from onionp2p.local.files import createPrivate, readPrivate, withoutFrames
from onionp2p.local.folders import expandHome
from onionp2p.local.locks import FileLock, Locked

__all__ = ["IdentityFile", "holdIdentityFile"]

_LONGEST_FILE = 8192
"""Bytes; another node's RSA key is not ours to use, but is to be called by its name."""


class IdentityFile:
    """
    An identity's file, locked against a second use for as long as this object is open.

    @ivar identity: what it holds; made and saved if there was no file.
    """

    def __init__(self, path: str) -> None:
        """
        @param path: an absolute one.

        @raise IdentityInUse: if another program has it; says which process.
        @raise IdentityFileError: if it can't be read, made or trusted.
        """
        self._lock = _lock(path)
        try:
            self.identity = withoutFrames(
                lambda: _loadOrCreate(path), lambda why: IdentityFileError(f"{path}: {why}.")
            )
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """
        Let others use the file.
        """
        self._lock.release()


def _lock(path: str) -> FileLock:
    try:
        return FileLock(path + ".lock")
    except Locked as busy:
        raise IdentityInUse(f"{path}: {busy}.") from None
    except OSError as problem:
        raise IdentityFileError(f"{path}.lock: {problem.strerror}.") from None
    except ValueError:  # a NUL
        raise IdentityFileError(f"{path}: no file can have such a name.") from None


def _loadOrCreate(path: str) -> Identity:
    content = readPrivate(path, _LONGEST_FILE)
    if content is not None:
        return Identity.decode(content)
    identity = Identity.generate()
    createPrivate(path, identity.encode())
    return identity


class _Shared:
    """
    An open file, and how many use it.
    """

    def __init__(self, path: str) -> None:
        self.file = IdentityFile(path)
        self.uses = 0


_shared: dict[str, _Shared] = {}


def holdIdentityFile(path: str) -> tuple[Identity, Callable[[], None]]:
    """
    Take the identity that a file holds; a fresh one, if there is no file.

    @return: the identity, and a callable, to be called once, that gives it back.

    @raise IdentityInUse: if another program has it.
    @raise IdentityFileError: if the file can't be read, made or trusted.
    """
    path = os.path.abspath(expandHome(path))
    shared = _shared.get(path)
    if shared is None:
        shared = _shared[path] = _Shared(path)
    shared.uses += 1
    return shared.file.identity, lambda: _giveBack(path)


def _giveBack(path: str) -> None:
    shared = _shared[path]
    shared.uses -= 1
    if not shared.uses:
        del _shared[path]
        shared.file.close()
