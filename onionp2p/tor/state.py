# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The state directory of a tor: its guards and its cached directory, kept from start to start.

A second tor on the same directory would wreck the first one, so it is locked before tor is
spawned.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress

from onionp2p.errors import StateDirectoryError, StateInUse
from onionp2p.local.folders import expandHome, stateFolder
from onionp2p.local.locks import FileLock, Locked

__all__ = ["StateDirectory"]

_MOST_TORS = 1000


class StateDirectory:
    """
    A locked directory for one tor's state.

    @ivar path: where it is.
    """

    def __init__(self, path: str) -> None:
        """
        Lock C{path}; make it if there is none.

        @raise StateInUse: if another process has it; says which one.
        @raise StateDirectoryError: if it can't be made or is not ours alone.
        """
        self.path = path
        try:
            os.makedirs(path, mode=0o700, exist_ok=True)
            status = os.stat(path)
            if status.st_uid != os.geteuid():
                raise StateDirectoryError(f"{path} belongs to another user.")
            if status.st_mode & 0o077:
                os.chmod(path, 0o700)
            self._lock = FileLock(os.path.join(path, "onionp2p.lock"))
        except Locked as busy:
            raise StateInUse(f"{path}: {busy}.") from None
        except OSError as problem:
            raise StateDirectoryError(f"{path}: {problem.strerror}.") from None
        if _torRunsIn(path):
            self._lock.release()
            raise StateInUse(f"{path}: a tor that is not ours runs there.")

    @classmethod
    def find(cls, path: str | None) -> StateDirectory:
        """
        Lock C{path} or, if it is L{None}, the first numbered folder that nobody has.
        """
        if path is not None:
            return cls(expandHome(path))
        parent = stateFolder()
        for number in range(1, _MOST_TORS + 1):
            with suppress(StateInUse):
                return cls(os.path.join(parent, f"tor-{number}"))
        raise StateInUse(f"{parent}: all of its {_MOST_TORS} folders are in use.")

    def release(self) -> None:
        """
        Let others use the directory.
        """
        self._lock.release()


def _torRunsIn(path: str) -> bool:
    """
    Whether some tor has this DataDirectory: one frozen since its owner was killed, say.
    """
    try:
        descriptor = os.open(os.path.join(path, "lock"), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
        return True
    finally:
        os.close(descriptor)
