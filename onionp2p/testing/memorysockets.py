# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Stream sockets that exist in this process alone.

They offer those methods of L{socket.socket} that Twisted's transports call, and answer as Linux
answers for UNIX sockets and for TCP on 127.0.0.1, with the same errors and the same limits; so that
Twisted's own transports, ports and connectors can stand on them unchanged.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from dataclasses import dataclass, field
from itertools import count
from socket import AF_INET, AF_UNIX, SHUT_RD, SHUT_WR, SO_ACCEPTCONN, SO_LINGER, SOL_SOCKET

__all__ = ["LOOPBACK", "MemorySocket", "Name", "SocketTable"]

LOOPBACK = "127.0.0.1"
"""The only address that there is."""

Name = str | tuple[str, int]
"""A path, empty for none; or an address and a port."""

_CAPACITY = 1 << 16
_LONGEST_PATH = 107
_FIRST_FREE_PORT = 49152


def _error(code: int) -> OSError:
    return OSError(code, os.strerror(code))


@dataclass(eq=False)
class _Pipe:
    """
    One direction of a connection.

    @ivar data: what was sent and not yet received.
    @ivar ended: whether nothing more will be sent.
    @ivar deaf: whether nothing more will be received.
    @ivar reset: whether the sender closed without having read what it was sent.
    """

    data: bytearray = field(default_factory=bytearray)
    ended: bool = False
    deaf: bool = False
    reset: bool = False


class SocketTable:
    """
    What a kernel knows: which sockets are open, and which of them listen where.

    @ivar open: every socket that is not closed, in the order of their making.
    @ivar listening: who waits to be accepted, by the names they came to.
    """

    def __init__(self) -> None:
        self.open: dict[MemorySocket, None] = {}
        self.listening: dict[Name, deque[MemorySocket]] = {}
        self._ports = count(_FIRST_FREE_PORT)

    def freePort(self) -> int:
        """
        Give a port that nobody has or had, unless by its number.
        """
        return next(port for port in self._ports if (LOOPBACK, port) not in self.listening)


class MemorySocket:
    """
    A non-blocking stream socket.

    @ivar peer: the name of the other end, at the accepting one.
    """

    def __init__(
        self,
        table: SocketTable,
        family: int = AF_UNIX,
        name: Name = "",
        incoming: _Pipe | None = None,
        outgoing: _Pipe | None = None,
    ) -> None:
        """
        @param family: C{AF_UNIX} or C{AF_INET}.
        @param name: what C{getsockname} gives.
        @param incoming: what it receives, if it is connected.
        @param outgoing: what it sends, if it is connected.
        """
        self._table = table
        self._family = family
        self._name = name
        self._incoming = incoming
        self._outgoing = outgoing
        self._arrivals: deque[MemorySocket] = deque()
        self._options: dict[tuple[int, int], int | bytes] = {}
        self.peer: Name = ""
        table.open[self] = None

    def __repr__(self) -> str:
        return f"<MemorySocket {self._name or 'without a name'}>"

    # What a reactor's select() would tell.

    @property
    def readable(self) -> bool:
        """
        Whether C{recv} or C{accept} has something to tell.
        """
        pipe = self._incoming
        return bool(self._arrivals or (pipe and (pipe.data or pipe.ended)))

    @property
    def writable(self) -> bool:
        """
        Whether C{send} would take bytes, or fail for good.
        """
        pipe = self._outgoing
        return pipe is None or pipe.deaf or len(pipe.data) < _CAPACITY

    # The side that listens.

    def bind(self, name: Name) -> None:
        """
        Take a path, of at most 107 bytes, or a port of 127.0.0.1, of which 0 is any free one, as
        our name.
        """
        if isinstance(name, tuple):
            host, port = name
            if host != LOOPBACK:
                raise _error(errno.EADDRNOTAVAIL)
            name = host, port or self._table.freePort()
        elif len(os.fsencode(name)) > _LONGEST_PATH:
            raise OSError("AF_UNIX path too long")
        if name in self._table.listening:
            raise _error(errno.EADDRINUSE)
        self._name = name

    def listen(self, backlog: int) -> None:
        """
        Let others connect; more than C{backlog} of them may wait.
        """
        self._table.listening[self._name] = self._arrivals
        self.setsockopt(SOL_SOCKET, SO_ACCEPTCONN, 1)

    def accept(self) -> tuple[MemorySocket, Name]:
        """
        Give the next connection, and the name of its other end.
        """
        if not self._arrivals:
            raise _error(errno.EWOULDBLOCK)
        accepted = self._arrivals.popleft()
        return accepted, accepted.peer

    # The side that connects.

    def connect_ex(self, address: Name | bytes) -> int:
        """
        Connect to the socket that listens at C{address}.

        @return: 0, or an error's number.
        """
        if self._outgoing is not None:
            return errno.EISCONN
        name = os.fsdecode(address) if isinstance(address, bytes) else address
        if isinstance(name, tuple) and name[0] != LOOPBACK:
            return errno.ENETUNREACH
        if name not in self._table.listening:
            return errno.ECONNREFUSED if isinstance(name, tuple) else errno.ENOENT
        if isinstance(name, tuple):
            self._name = LOOPBACK, self._table.freePort()
        self._incoming, self._outgoing = _Pipe(), _Pipe()
        accepted = MemorySocket(self._table, self._family, name, self._outgoing, self._incoming)
        accepted.peer = self._name
        self._table.listening[name].append(accepted)
        return 0

    # Both sides.

    def send(self, data: bytes | memoryview) -> int:
        """
        Pass on as many bytes as there is room for.

        @return: how many.
        """
        pipe = self._outgoing
        if pipe is None or pipe.deaf or pipe.ended:
            raise _error(errno.EPIPE)
        room = _CAPACITY - len(pipe.data)
        if room <= 0:
            raise _error(errno.EWOULDBLOCK)
        taken = bytes(data[:room])
        pipe.data += taken
        return len(taken)

    def recv(self, size: int) -> bytes:
        """
        Take at most C{size} bytes; none at all at the end of the stream.
        """
        pipe = self._incoming
        if pipe is None:
            raise _error(errno.EINVAL)
        if pipe.data:
            taken = bytes(pipe.data[:size])
            del pipe.data[:size]
            return taken
        if pipe.reset:
            pipe.reset = False
            raise _error(errno.ECONNRESET)
        if pipe.ended:
            return b""
        raise _error(errno.EWOULDBLOCK)

    def recvmsg(
        self, size: int, ancillary: int = 0, flags: int = 0
    ) -> tuple[bytes, list[tuple[int, int, bytes]], int, None]:
        """
        The same, with the descriptors that came along: none do.
        """
        return self.recv(size), [], 0, None

    def shutdown(self, how: int) -> None:
        """
        End the directions that C{how} names (C{SHUT_RD}, C{SHUT_WR} or C{SHUT_RDWR}).
        """
        if self._outgoing is None or self._incoming is None:
            raise _error(errno.ENOTCONN)
        if how != SHUT_RD:
            self._outgoing.ended = True
        if how != SHUT_WR:
            self._incoming.ended = self._incoming.deaf = True

    def close(self) -> None:
        """
        Close it.  Bytes that were not read reset the connection; with TCP, so does C{SO_LINGER}.
        """
        self._table.open.pop(self, None)
        if self._table.listening.get(self._name) is self._arrivals:
            del self._table.listening[self._name]
        for arrival in self._arrivals:
            arrival.close()
        if self._incoming is not None and self._outgoing is not None:
            lingers = self._family == AF_INET and (SOL_SOCKET, SO_LINGER) in self._options
            self._incoming.deaf = self._outgoing.ended = True
            self._outgoing.reset = lingers or bool(self._incoming.data)

    def getsockname(self) -> Name:
        """
        Give the name: of UNIX sockets, the connecting side has none.
        """
        return self._name

    def setblocking(self, flag: bool) -> None:
        """
        It never blocks.
        """

    def getsockopt(self, level: int, option: int) -> int | bytes:
        """
        Give what was set, if it was: there is no C{SO_ERROR} that C{connect_ex} has not told.
        """
        return self._options.get((level, option), 0)

    def setsockopt(self, level: int, option: int, value: int | bytes) -> None:
        """
        Remember it.
        """
        self._options[level, option] = value

    def fileno(self) -> int:
        """
        It has no descriptor.
        """
        return -1
