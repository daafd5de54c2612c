# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Where tor delivers an onion's connections: a socket of ours on this machine.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet import unix
from twisted.internet.defer import maybeDeferred
from twisted.internet.error import (
    CannotListenError,
    ConnectError,
    ConnectionRefusedError,
    TimeoutError,
)
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.internet.protocol import Protocol

from onionp2p.errors import TargetError, TargetInUse
from onionp2p.folders import expandHome
from onionp2p.leaks.passage import passage
from onionp2p.localsockets import LONGEST_PATH, LOOPBACK, connectLocally
from onionp2p.options import LocalSocket
from onionp2p.tor.access import mayWrite

__all__ = [
    "BACKLOG",
    "OF_OTHERS",
    "OURS",
    "listenAt",
    "listenLocally",
    "makeWay",
    "stopLocally",
    "whereabouts",
]

BACKLOG = 1024
OURS = 0o600
# Who may come to the socket is for its folder to say: the tor that does is often another user's.
OF_OTHERS = 0o666
# Tor takes no quotes, spaces or escapes in the path of a target.
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9._/+@,~=:%-]{1,106}", re.ASCII)
_SECONDS_TO_ANSWER = 2.0


def listenLocally(
    reactor: Any, target: LocalSocket, factory: IProtocolFactory, mode: int = OURS
) -> tuple[IListeningPort, str]:
    """
    Listen where a tor is to deliver.

    @param target: a TCP port of 127.0.0.1, 0 for any free one; or the path of a UNIX socket.
    @param mode: of the UNIX socket: who may connect to it.

    @return: the local port, and what names it in tor's C{Port=} and C{HiddenServicePort}.

    @raise TargetError: if it can't be made, or tor could not be told of it.
    """
    if isinstance(target, int):
        port = listenAt(reactor, target, factory, mode)
        host: Any = port.getHost()
        return port, f"{LOOPBACK}:{host.port}"
    path = expandHome(target)
    if not _PLAIN_PATH.fullmatch(path):
        raise TargetError(
            f"{path!a}: tor takes only short paths of plain letters, digits and ._/+@,~=:%-."
        )
    return listenAt(reactor, path, factory, mode), f"unix:{path}"


def whereabouts(name: str) -> Callable[[], bool]:
    """
    Remember which socket tor finds under a name.

    @param name: what L{listenLocally} gave.

    @return: a callable that tells whether it is still that one: a program that cleans F{/tmp} may
        have removed it.
    """
    path = name.removeprefix("unix:")
    made = _inode(path)
    return lambda: _inode(path) == made


def _inode(path: str) -> int | None:
    try:
        return os.lstat(path).st_ino
    except OSError:
        return None


async def stopLocally(port: IListeningPort) -> None:
    """
    Listen no more.
    """
    if isinstance(port, unix.Port) and port.connected:  # at the reactor's end, it has closed it
        # Twisted's fails, and leaves the socket open, where somebody has removed its file.
        with suppress(OSError):
            os.close(os.open(port.getHost().name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, OURS))
    await maybeDeferred(port.stopListening)


def listenAt(
    reactor: Any, target: LocalSocket, factory: IProtocolFactory, mode: int
) -> IListeningPort:
    """
    Listen where a tor delivers already.

    @raise TargetError: if that can't be.
    """
    listening: IListeningPort
    try:
        if isinstance(target, int):
            with passage():
                listening = reactor.listenTCP(target, factory, BACKLOG, interface=LOOPBACK)
        else:
            listening = reactor.listenUNIX(expandHome(target), factory, BACKLOG, mode=mode)
    except CannotListenError as problem:
        where = f"port {target}" if isinstance(target, int) else target
        if getattr(problem.socketError, "errno", None) == errno.EADDRINUSE:
            raise TargetInUse(f"It is {where}.") from None
        reason = getattr(problem.socketError, "strerror", None) or problem.socketError
        raise TargetError(f"{where}: {reason}.") from None
    return listening


async def makeWay(reactor: Any, target: LocalSocket) -> None:
    """
    See that we can listen where the user says.  The socket that a program which was killed has left
    there is removed; nothing else ever is.

    @raise TargetInUse: if somebody listens there.
    @raise TargetError: if something else is there, or nothing can be.
    """
    if isinstance(target, int):
        return
    path = expandHome(target)
    # Twisted would find out too, and forget to close a socket.
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise TargetError(f"{path}: the path of a socket has at most {LONGEST_PATH} bytes.")
    try:
        os.stat(os.path.dirname(path))
        if not mayWrite(os.path.dirname(path)):
            raise TargetError(f"{path}: we may make nothing in that folder.")
        await _clear(reactor, path)
    except OSError as problem:
        raise TargetError(f"{path}: {problem.strerror}.") from None


async def _clear(reactor: Any, path: str) -> None:
    try:
        found = os.lstat(path)
        if not stat.S_ISSOCK(found.st_mode):
            raise TargetError(f"{path} is there, and is no socket: it was left as it is.")
        if not await _isDead(reactor, path):
            raise TargetInUse(f"It is {path}.")
        if os.path.samestat(found, os.lstat(path)):  # and no younger one
            os.unlink(path)
    except FileNotFoundError:  # nothing is there, or no more
        return


async def _isDead(reactor: Any, path: str) -> bool:
    """
    Whether a socket refuses connections, since nobody listens on it.
    """
    visitor = Protocol()
    try:
        await connectLocally(reactor, path, visitor, _SECONDS_TO_ANSWER)
    except ConnectionRefusedError:
        return True
    except TimeoutError:  # its queue is full
        return False
    except ConnectError as problem:
        if problem.osError == errno.ENOENT:  # it went a moment ago
            raise FileNotFoundError from None
        if problem.osError in {errno.EACCES, errno.EPERM}:
            raise TargetError(f"{path}: {os.strerror(problem.osError)}.") from None
        return False
    if visitor.transport is not None:
        visitor.transport.loseConnection()
    return False
