# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The way to a program on this machine: to tor.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IProtocol, IStreamClientEndpoint

from onionp2p.leaks.passage import passage
from onionp2p.local.quiet import quietFactory

__all__ = ["LONGEST_PATH", "LOOPBACK", "LocalSocket", "connectLocally", "nameOf"]

LOOPBACK = "127.0.0.1"  # nothing is looked up, and nobody else is asked
# sockaddr_un holds 104 bytes on macOS and 108 on Linux, one of them the closing NUL.
LONGEST_PATH = 103 if sys.platform == "darwin" else 107

LocalSocket = int | str
"""
A TCP port of 127.0.0.1, or the path of a UNIX socket.
"""


def connectLocally(
    reactor: Any, where: LocalSocket, protocol: IProtocol, timeout: float
) -> Deferred[IProtocol]:
    """
    Connect a protocol to a socket on this machine.

    @param timeout: how long that may take, in seconds.

    @return: fires with the protocol; fails with a C{ConnectError}.
    """
    endpoint: IStreamClientEndpoint
    # Of a longer one Twisted says nothing until the time is over, and logs a fault of its own.
    if isinstance(where, str) and len(os.fsencode(where)) > LONGEST_PATH:
        return fail(ConnectError(string=f"a socket's path has at most {LONGEST_PATH} bytes"))
    if isinstance(where, int):
        endpoint = TCP4ClientEndpoint(reactor, LOOPBACK, where, timeout=timeout)
    else:
        endpoint = UNIXClientEndpoint(reactor, where, timeout=timeout)
    with passage():
        return endpoint.connect(quietFactory(protocol))


def nameOf(where: LocalSocket) -> str:
    """
    Give the name that people know it by.
    """
    return f"{LOOPBACK}:{where}" if isinstance(where, int) else where
