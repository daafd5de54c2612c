# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Files that hold secrets: read only if they are their owner's alone, written whole or not at all.

What goes wrong is an L{UnfitFile} with a reason that follows the file's name in a sentence.  The
frames of its traceback hold what was to be written: L{withoutFrames} leaves them behind.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, TypeVar

__all__ = [
    "NO_FOLDER",
    "UnfitFile",
    "createPrivate",
    "openRegular",
    "readPrivate",
    "readStream",
    "readText",
    "replacePrivate",
    "syncFolder",
    "withoutFrames",
]

NO_FOLDER = "the folder that is to hold it does not exist"

_Result = TypeVar("_Result")


class UnfitFile(Exception):
    """
    A file can't be read, made or trusted.
    """


def withoutFrames(action: Callable[[], _Result], error: Callable[[str], Exception]) -> _Result:
    """
    Do what handles secrets.  If that fails, raise an error that holds the reason alone: even with
    their variables shown, the tracebacks of it hold no secret.

    @param action: raises L{UnfitFile}, or L{ValueError} for what a file holds.
    @param error: makes the error from the reason.
    """
    try:
        return action()
    except (UnfitFile, ValueError) as problem:
        reason = str(problem)
    raise error(reason)  # out here, so that it has no context


@contextmanager
def _reasons() -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise UnfitFile(problem.strerror or "it can't be used") from None
    except ValueError:  # from the system's functions: a NUL, or what has no encoding
        raise UnfitFile("no file can have such a name") from None


def openRegular(path: str) -> int | None:
    """
    Open a file for reading, or give L{None} if there is none.

    @raise UnfitFile: also if it is a link, a folder, a fifo or the like.
    """
    # O_NONBLOCK: opening a fifo must not wait for its writer.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with _reasons():
        try:
            descriptor = os.open(path, flags)
        except FileNotFoundError:
            return None
        except OSError as problem:
            if problem.errno == errno.ELOOP:
                raise UnfitFile("it is a link; name the file itself") from None
            raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnfitFile("it is not a regular file")
    return descriptor


def readPrivate(path: str, longest: int) -> bytes | None:
    """
    Read a file that is its owner's alone, or give L{None} if there is none.

    @param longest: bytes that it may hold.

    @raise UnfitFile: if it can't be read, trusted, or is longer.
    """
    descriptor = openRegular(path)
    if descriptor is None:
        return None
    with _reasons(), os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid():
            raise UnfitFile("it belongs to another user")
        if status.st_mode & 0o077:
            raise UnfitFile("others can read it; if they did not, chmod 600 it")
        content = file.read(longest + 1)
    if len(content) > longest:
        raise UnfitFile("it is too long")
    return content


def readStream(stream: BinaryIO | None, longest: int) -> bytes:
    """
    Read a stream to its end.

    @param stream: L{None}, as C{sys.stdin} may be, is a closed one.
    @param longest: bytes that it may hold.

    @raise UnfitFile: if it can't be read, or holds more.
    """
    if stream is None or stream.closed:
        raise UnfitFile("it is closed")
    with _reasons():
        content = stream.read(longest + 1)
    if len(content) > longest:
        raise UnfitFile("it is too long")
    return content


def readText(path: str, longest: int) -> str:
    """
    Read a file that is nobody's secret, in UTF-8.  A link will do.

    @param longest: bytes that it may hold.

    @raise UnfitFile: if it can't be read, is no regular file, or holds anything else.
    """
    with _reasons(), open(path, "rb", opener=_withoutWaiting) as file:
        isRegular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
        content = file.read(longest + 1) if isRegular else b""
    if not isRegular:
        raise UnfitFile("it is not a regular file")
    if len(content) > longest:
        raise UnfitFile("it is too long")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise UnfitFile("it is not UTF-8") from None


def _withoutWaiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # for the writer of a fifo


def createPrivate(path: str, content: bytes) -> None:
    """
    Make a file of mode 0600 that holds C{content}, wholly or not at all; on disk when this
    returns.  Never overwrites.

    @raise UnfitFile: if it can't be made, or there is one.
    """
    with _reasons(), _draft(path, content) as draft:
        try:
            os.link(draft, path)  # unlike rename(), it fails if there is one
        except FileExistsError:
            raise UnfitFile("it exists already, and was left as it is: name another") from None
        finally:
            os.unlink(draft)


def replacePrivate(path: str, content: bytes) -> None:
    """
    Put C{content} in the place of what a file holds.  Whatever happens, the file is there, and
    holds all of the one or of the other; the new one is on disk when this returns, of mode 0600.

    @raise UnfitFile: if it can't be done; it was left as it is.
    """
    with _reasons(), _draft(path, content) as draft:
        try:
            os.rename(draft, path)
        except BaseException:
            os.unlink(draft)
            raise


@contextmanager
def _draft(path: str, content: bytes) -> Iterator[str]:
    """
    Write C{content} to a file beside C{path}.  Who is given its name moves or removes it; then the
    folder goes to disk.
    """
    draft = f"{path}.{secrets.token_hex(4)}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        descriptor = os.open(draft, flags, 0o600)
    except FileNotFoundError:
        raise UnfitFile(NO_FOLDER) from None
    try:
        os.fchmod(descriptor, 0o600)  # whatever the umask was
        _writeAll(descriptor, content)
        os.fsync(descriptor)
    except BaseException:
        os.unlink(draft)
        raise
    finally:
        os.close(descriptor)
    yield draft
    syncFolder(os.path.dirname(path) or ".")


def _writeAll(descriptor: int, content: bytes) -> None:
    if os.write(descriptor, content) != len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def syncFolder(path: str) -> None:
    """
    Have what was made, renamed or removed in a folder on disk.

    @raise OSError: if that fails.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
