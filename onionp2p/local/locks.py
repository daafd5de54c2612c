# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A lock that is a file: held by one process, and free again however that one ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable

from onionp2p.local.files import NO_FOLDER
from onionp2p.local.forks import closeInChildren, keepInChildren

__all__ = ["FileLock", "Locked", "lockBeside"]

_Error = Callable[[str], Exception]


class Locked(Exception):
    """
    Somebody else holds the lock.

    @ivar pid: the holder's process id, or L{None} where it is not known.
    """

    def __init__(self, pid: int | None) -> None:
        super().__init__("held by " + ("another process" if pid is None else f"process {pid}"))
        self.pid = pid


class FileLock:
    """
    The lock at C{path}, taken at once.  The file holds the id of the process that has it and
    goes when it is released; one that a killed process left behind is taken over.

    @raise Locked: if somebody holds it, in this process or in another.
    @raise OSError: if the file can't be made or opened.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = self._take()
        closeInChildren(self._descriptor)
        try:
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, f"{os.getpid()}\n".encode("ascii"))
        except OSError:  # the disk is full
            self.release()
            raise

    def _take(self) -> int:
        while True:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self._path, flags, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Between open and flock its last holder may have removed the file.
                if self._isCurrent(descriptor):
                    return descriptor
                os.close(descriptor)
            except BlockingIOError:
                pid = self._holder(descriptor)
                os.close(descriptor)
                raise Locked(pid) from None
            except BaseException:
                os.close(descriptor)
                raise

    def _isCurrent(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), os.lstat(self._path))
        except FileNotFoundError:
            return False

    @staticmethod
    def _holder(descriptor: int) -> int | None:
        text = os.pread(descriptor, 20, 0).strip()
        return int(text) if text.isdigit() else None

    def release(self) -> None:
        """
        Give the lock back.
        """
        # Unlinked while it is held, so that nobody's new file can go instead.
        if self._isCurrent(self._descriptor):
            os.unlink(self._path)
        keepInChildren(self._descriptor)
        os.close(self._descriptor)


def lockBeside(path: str, *, inUse: _Error, unfit: _Error) -> FileLock:
    """
    Lock what is at C{path}, by a file of its name and C{.lock}.

    @param inUse: makes the error, of a sentence, for what somebody else has.
    @param unfit: makes it for what can't be locked.
    """
    try:
        return FileLock(path + ".lock")
    except Locked as busy:
        raise inUse(f"{path}: {busy}.") from None
    except FileNotFoundError:
        raise unfit(f"{path}: {NO_FOLDER}.") from None
    except OSError as problem:
        raise unfit(f"{path}.lock: {problem.strerror}.") from None
    except ValueError:  # a NUL
        raise unfit(f"{path}: no file can have such a name.") from None
