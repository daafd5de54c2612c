# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Listening at a place on this machine: where tor delivers, above all.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import Any

from twisted.internet import tcp, unix
from twisted.internet.error import (
    CannotListenError,
    ConnectError,
    ConnectionRefusedError,
    TimeoutError,
)
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from onionp2p.errors import TargetError, TargetInUse
from onionp2p.leaks.passage import passage
from onionp2p.local.places import TOO_LONG, Place
from onionp2p.tor.access import mayWrite

__all__ = [
    "BACKLOG",
    "OF_OTHERS",
    "OURS",
    "inode",
    "listenAt",
    "makeWay",
    "nameOfTarget",
]

BACKLOG = 1024
OURS = 0o600
# Who may come to the socket is for its folder to say: the tor that does is often another user's.
OF_OTHERS = 0o666
_SECONDS_TO_ANSWER = 2.0


def nameOfTarget(place: Place) -> str:
    """
    Give what names a socket in tor's C{Port=} and C{HiddenServicePort}.

    @raise TargetError: if tor could not be told of it.
    """
    try:
        return place.ofTor
    except ValueError as problem:
        raise TargetError(str(problem)) from None


def inode(path: str) -> int | None:
    """
    Give the number of the file at a path, or L{None} if there is none.
    """
    try:
        return os.lstat(path).st_ino
    except OSError:
        return None


class _UNIXPort(unix.Port):
    """
    Twisted's removes what is at its path in the end, be it another program's; and where nothing is,
    fails, and leaves its socket open.
    """

    path: str
    inode: int | None

    def connectionLost(self, reason: Failure) -> None:
        if self.inode is not None and inode(self.path) == self.inode:
            with suppress(OSError):
                os.unlink(self.path)
        tcp.Port.connectionLost(self, reason)


def listenAt(reactor: Any, place: Place, factory: IProtocolFactory, mode: int) -> IListeningPort:
    """
    Listen.

    @param mode: of the UNIX socket: who may connect to it.

    @raise TargetError: if that can't be.
    """
    listening: IListeningPort
    try:
        if not place.path:
            with passage():
                listening = reactor.listenTCP(place.port, factory, BACKLOG, interface=place.host)
        else:
            listening = reactor.listenUNIX(place.path, factory, BACKLOG, mode=mode)
            if type(listening) is unix.Port:  # no reactor asks of what class it is to be
                listening.__class__ = _UNIXPort
                assert isinstance(listening, _UNIXPort)
                listening.path, listening.inode = place.path, inode(place.path)
    except CannotListenError as problem:
        if getattr(problem.socketError, "errno", None) == errno.EADDRINUSE:
            raise TargetInUse(f"It is {place.name}.") from None
        reason = getattr(problem.socketError, "strerror", None) or problem.socketError
        raise TargetError(f"{place.name}: {reason}.") from None
    return listening


async def makeWay(reactor: Any, place: Place) -> None:
    """
    See that we can listen where the user says.  The socket that a program which was killed has left
    there is removed; nothing else ever is.

    @raise TargetInUse: if somebody listens there.
    @raise TargetError: if something else is there, or nothing can be.
    """
    path = place.path
    if not path:
        return
    # Twisted would find out too, and forget to close a socket.
    if place.isTooLong:
        raise TargetError(f"{path}: {TOO_LONG}.")
    try:
        os.stat(os.path.dirname(path))
        if not mayWrite(os.path.dirname(path)):
            raise TargetError(f"{path}: we may make nothing in that folder.")
        await _clear(reactor, place)
    except OSError as problem:
        raise TargetError(f"{path}: {problem.strerror}.") from None


async def _clear(reactor: Any, place: Place) -> None:
    path = place.path
    try:
        found = os.lstat(path)
        if not stat.S_ISSOCK(found.st_mode):
            raise TargetError(f"{path} is there, and is no socket: it was left as it is.")
        if not await _isDead(reactor, place):
            raise TargetInUse(f"It is {path}.")
        if os.path.samestat(found, os.lstat(path)):  # and no younger one
            os.unlink(path)
    except FileNotFoundError:  # nothing is there, or no more
        return


async def _isDead(reactor: Any, place: Place) -> bool:
    """
    Whether a socket refuses connections, since nobody listens on it.
    """
    visitor = Protocol()
    try:
        await place.connect(reactor, visitor, _SECONDS_TO_ANSWER)
    except ConnectionRefusedError:
        return True
    except TimeoutError:  # its queue is full
        return False
    except ConnectError as problem:
        if problem.osError == errno.ENOENT:  # it went a moment ago
            raise FileNotFoundError from None
        if problem.osError in {errno.EACCES, errno.EPERM}:
            raise TargetError(f"{place.path}: {os.strerror(problem.osError)}.") from None
        return False
    if visitor.transport is not None:
        visitor.transport.loseConnection()
    return False
