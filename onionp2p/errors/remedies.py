# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What to do about errors that are not ours: Twisted's, and those of the system.
"""

from __future__ import annotations

import errno
import os
import socket

from twisted.internet.error import (
    CannotListenError,
    ConnectError,
    ConnectionClosed,
    DNSLookupError,
)

from onionp2p.errors.onion import OnionError

__all__ = ["remedied"]

_REMEDIES = {
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "check the path",
    errno.EISDIR: "name a file in it",
    errno.EEXIST: "remove it, or name another",
    errno.EACCES: "see whose it is (ls -l), or name another",
    errno.EPERM: "see whose it is (ls -l), or name another",
    errno.EROFS: "name a place that can be written to",
    errno.ENOSPC: "free some space, and try again",
    errno.EDQUOT: "free some space, and try again",
    errno.EMFILE: "raise the limit, as with ulimit -n 1024",
    errno.ENFILE: "close some programs, and try again",
    errno.ECONNREFUSED: "see that the program runs that is to listen there",
    errno.EADDRINUSE: "end the program that listens there, or name another place",
    errno.EADDRNOTAVAIL: "name an address of this machine",
    errno.ENAMETOOLONG: "name a shorter path",
    errno.ENETUNREACH: "check the address, and the network",
    errno.EHOSTUNREACH: "check the address, and the network",
    socket.EAI_NONAME: "check the name",
    socket.EAI_AGAIN: "check the name, and the network",
}


def remedied(error: BaseException | None) -> str | None:
    """
    Say what happened and, where something can be done about it, what.

    @return: L{None} for an error that nobody has foreseen: a bug.
    """
    said, remedy = str(error), None
    match error:
        case OnionError() | ConnectionClosed():
            pass  # those of ours say it
        case DNSLookupError():
            remedy = "check the name"
        case ConnectError():
            remedy = _remedy(error.osError)
        case CannotListenError():
            remedy = _remedy(getattr(error.socketError, "errno", None))
        case ImportError():
            remedy = "the installation is not whole; repeat it (pip install onionp2p)"
        case OSError():
            # Of two, as of a link, the second is the one that is to be made.
            name = error.filename if error.filename2 is None else error.filename2
            name = "" if name is None else os.fsdecode(name)
            said = ": ".join(filter(None, [name, error.strerror])) or said
            remedy = _remedy(error.errno)
        case _:
            return None
    said = said or type(error).__name__
    return f"{said.rstrip('.')}: {remedy}." if remedy else said


def _remedy(number: object) -> str | None:
    return _REMEDIES.get(number) if isinstance(number, int) else None
