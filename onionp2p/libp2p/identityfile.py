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
from onionp2p.local.locks import lockBeside
from onionp2p.local.shared import Shared

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
        self._lock = lockBeside(path, inUse=IdentityInUse, unfit=IdentityFileError)
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


def _loadOrCreate(path: str) -> Identity:
    content = readPrivate(path, _LONGEST_FILE)
    if content is not None:
        return Identity.decode(content)
    identity = Identity.generate()
    createPrivate(path, identity.encode())
    return identity


_inUse: Shared[IdentityFile] = Shared()


def holdIdentityFile(path: str | None) -> tuple[Identity, Callable[[], None]]:
    """
    Take the identity that a file holds; a fresh one, which is kept there, if there is no file.

    @param path: the file, or L{None} for a fresh one that is kept nowhere.

    @return: the identity, and a callable, to be called once, that gives it back.

    @raise IdentityInUse: if another program has it.
    @raise IdentityFileError: if the file can't be read, made or trusted.
    """
    if path is None:
        return Identity.generate(), _nothing
    path = os.path.abspath(expandHome(path))
    file, giveBack = _inUse.hold(path, lambda: IdentityFile(path))
    return file.identity, giveBack


def _nothing() -> None:
    """
    Nobody else has a fresh one.
    """
