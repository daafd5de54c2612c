# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The private folder that holds the sockets between us and our tor.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from contextlib import suppress
from itertools import count

from onionp2p.errors import TorError
from onionp2p.local.folders import runtimeFolders
from onionp2p.local.locks import FileLock, Locked
from onionp2p.local.places import Place

__all__ = ["RunDirectory"]

_PREFIX = "onionp2p-"
_LOCK = "lock"
_LONGEST_PATH = f"{_PREFIX}12345678/onion-9999999"


class RunDirectory:
    """
    A folder of mode 0700, removed by L{remove}.  What processes that were killed have left
    is swept when the next one is made.

    @ivar path: where it is; short, and plain enough for tor's control protocol.
    """

    def __init__(self) -> None:
        self.path = self._make()
        try:
            self._lock = FileLock(os.path.join(self.path, _LOCK))
        except OSError as problem:
            shutil.rmtree(self.path, ignore_errors=True)
            raise TorError(f"{self.path}: {problem.strerror}.") from None
        self._numbers = count(1)

    @property
    def socksPath(self) -> str:
        """
        The UNIX socket on which tor takes dials.
        """
        return os.path.join(self.path, "socks")

    def newTargetPath(self) -> str:
        """
        Give the path of a UNIX socket for one more listener.
        """
        return os.path.join(self.path, f"onion-{next(self._numbers)}")

    def restore(self) -> bool:
        """
        Make the folder anew, where it was, if somebody has removed it with all that was in it: who
        cleans C{/tmp}, or a logout that takes C{/run/user/UID}, until the next login.

        @return: whether it was gone.

        @raise OSError: if that can't be.
        """
        if _isOurFolder(self.path):
            return False
        os.mkdir(self.path, 0o700)
        try:
            former, self._lock = self._lock, FileLock(os.path.join(self.path, _LOCK))
        except BaseException:
            shutil.rmtree(self.path, ignore_errors=True)
            raise
        former.release()
        return True

    def remove(self) -> None:
        """
        Remove the folder and all that is in it.
        """
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()

    @staticmethod
    def _make() -> str:
        problems = []
        for parent in runtimeFolders():
            try:
                _ = Place(path=os.path.join(parent, _LONGEST_PATH)).ofTor
            except ValueError:
                continue
            try:
                path = tempfile.mkdtemp(prefix=_PREFIX, dir=parent)
            except OSError as problem:
                problems.append(f"{parent}: {problem.strerror}.")
                continue
            with suppress(OSError):  # the next one sweeps better
                _sweep(parent)
            return path
        raise TorError(
            "There is no place for tor's sockets: $XDG_RUNTIME_DIR or $TMPDIR must name a writable"
            f" folder with a short, plain path. {' '.join(problems)}"
        )


def _sweep(parent: str) -> None:
    """
    Remove the run directories in C{parent} whose processes are gone.
    """
    for name in os.listdir(parent):
        path = os.path.join(parent, name)
        if not name.startswith(_PREFIX) or not _isOurFolder(path):
            continue
        # One without a lock is being made at this moment.
        if not os.path.lexists(os.path.join(path, _LOCK)):
            continue
        with suppress(Locked, OSError):
            lock = FileLock(os.path.join(path, _LOCK))
            shutil.rmtree(path, ignore_errors=True)
            lock.release()


def _isOurFolder(path: str) -> bool:
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
