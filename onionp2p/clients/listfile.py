# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The list of the clients that may enter an onion, as C{clients=PATH} names it.

It is text, a client a line, a name and the public half of the client's key::

    # who may come in
    alice  N7GS54MLKB3MD75SBA4OAEECJFUZJ2PM7Z6UB2MSJNY6NPTLJGSA
    bob    descriptor:x25519:VSYQJKTLAHC7GYGBV5K4FOOEEMT4V5QBPJ5WO4PQZ2TZZVRBZBJQ  # his laptop

Names are the owner's own affair: tor never learns them.  What follows a C{#} is a comment.  The
file holds no secret; but who can write it can let himself in, so its owner alone may.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from onionp2p.clients.x25519 import checkPublicKey
from onionp2p.errors import ClientsFileError
from onionp2p.local.files import (
    UnfitFile,
    createPrivate,
    openRegular,
    replacePrivate,
    withoutFrames,
)
from onionp2p.local.folders import expandHome
from onionp2p.local.locks import lockBeside

__all__ = ["ClientsFile", "checkName", "parseClients"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")  # all but the tab
_LONGEST_FILE = 65536
_MOST_CLIENTS = 256  # 368 fill the 50 kB of a descriptor with three introduction points
_HEADING = "# Who may enter: a name and a public key a line. A running onion notices changes.\n"


def checkName(name: str) -> str:
    """
    Give back the name of a client.

    @raise ValueError: if it is none.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            "a client's name has 1 to 32 letters, digits, dots, dashes and underscores"
            " of ASCII, a letter or digit first"
        )
    return name


def parseClients(text: str) -> dict[str, str]:
    """
    Read a list of clients.

    @return: their public keys, 52 capitals of base32 each, by their names; in the order of the
        list.  It may be empty: then nobody may enter, which is not what tor makes of an
        C{ADD_ONION} without clients.

    @raise ValueError: names the line, counted from 1, and what is wrong with it.
    """
    clients: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        try:
            client = _parseLine(line)
            if client is not None:
                _checkNew(clients, *client)
                clients.update([client])
        except ValueError as problem:
            raise ValueError(f"line {number}: {problem}") from None
    return clients


def _checkNew(clients: dict[str, str], name: str, key: str) -> None:
    if name in clients:
        raise ValueError(f"{name} is there already")
    for other, its in clients.items():
        if its == key:
            raise ValueError(f"this is also the key of {other}: each needs one of his own")
    if len(clients) == _MOST_CLIENTS:
        raise ValueError(f"an onion takes at most {_MOST_CLIENTS} clients")


def _parseLine(line: str) -> tuple[str, str] | None:
    """
    Read one line; L{None} if it holds no client.
    """
    if _CONTROLS.search(line.removesuffix("\r")):
        raise ValueError("it holds a control character")
    words = line.partition("#")[0].split()
    if not words:
        return None
    if len(words) != 2:
        raise ValueError("a line has a name and a public key")
    return checkName(words[0]), checkPublicKey(words[1])


class ClientsFile:
    """
    The file that holds a list of clients.

    @ivar path: where it is.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(expandHome(path))
        self._seen: object = None

    def read(self) -> dict[str, str]:
        """
        Give the clients' public keys by their names, as L{parseClients} does.

        @raise ClientsFileError: if it can't be read, trusted or understood.
        """
        # Before it is read: a change during that must not go unseen.
        self._seen = self.state()
        return withoutFrames(lambda: parseClients(self._text()), self._error)

    def hasChanged(self) -> bool:
        """
        Tell whether there is something new to L{read}.  A change that broke the file counts, once.
        """
        return self.state() != self._seen

    def state(self) -> object:
        """
        Give what the file system says of the file: another value whenever it was written.
        """
        try:
            status = os.lstat(self.path)
        except (OSError, ValueError):
            return None
        # Of two writes within one tick of the clock the second may keep the size; but editors,
        # and we, put a new file in the place of the old. A chmod changes st_ctime_ns alone.
        return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns

    def add(self, name: str, key: str) -> None:
        """
        Let a client in.  The file is made if there is none.

        @param key: the public half, as in the file.

        @raise ClientsFileError: if there is a client of that name or key, or the file can't be
            read, understood or written; it was left as it is.
        """

        def added(text: str) -> str:
            if text and not text.endswith("\n"):
                text += "\n"
            return f"{text}{checkName(name)} {checkPublicKey(key)}\n"

        self._edit(added)

    def remove(self, name: str) -> None:
        """
        Let a client in no more.

        @raise ClientsFileError: if there is none of that name, or the file can't be read,
            understood or written; it was left as it is.
        """

        def removed(text: str) -> str:
            if name not in parseClients(text):
                raise ValueError(f"it names no {name!a}")
            lines = text.split("\n")
            return "\n".join(line for line in lines if line.partition("#")[0].split()[:1] != [name])

        self._edit(removed, create=False)

    def _edit(self, change: Callable[[str], str], *, create: bool = True) -> None:
        lock = lockBeside(self.path, inUse=_edited, unfit=ClientsFileError)
        try:
            withoutFrames(lambda: self._change(change, create=create), self._error)
        finally:
            lock.release()

    def _change(self, change: Callable[[str], str], *, create: bool) -> None:
        write, text = replacePrivate, ""
        if create and not os.path.lexists(self.path):
            write, text = createPrivate, _HEADING
        else:
            text = self._text()
        parseClients(text)  # so that a line's number is the file's own
        text = change(text)
        parseClients(text)
        write(self.path, text.encode())

    def _text(self) -> str:
        descriptor = openRegular(self.path)
        if descriptor is None:
            raise UnfitFile("there is no such file")
        try:
            with os.fdopen(descriptor, "rb") as file:
                status = os.fstat(descriptor)
                if status.st_uid not in {0, os.geteuid()}:
                    raise UnfitFile("it belongs to another user")
                if status.st_mode & 0o022:
                    raise UnfitFile("others can write it; if they did not, chmod go-w it")
                content = file.read(_LONGEST_FILE + 1)
        except OSError as problem:
            raise UnfitFile(str(problem.strerror)) from None
        if len(content) > _LONGEST_FILE:
            raise UnfitFile("it is too long")
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as problem:
            number = content.count(b"\n", 0, problem.start) + 1
            raise UnfitFile(f"line {number}: it is not UTF-8") from None

    def _error(self, reason: str) -> ClientsFileError:
        return ClientsFileError(f"{self.path}: {reason}.")


def _edited(held: str) -> ClientsFileError:
    # By another command, for a moment.
    return ClientsFileError(f"{held} Try again.")
