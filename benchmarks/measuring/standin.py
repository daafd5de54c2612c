# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A server in place of tor and of all that is behind it: raw sockets and threads, as fast as can be.

    python -m measuring.standin FOLDER

Its UNIX sockets in FOLDER are C{socks}, which speaks SOCKS5 as tor does, with and without a
password, and for each L{Port} C{direct-N}, which has the same server behind it and no SOCKS in
between.  It prints C{ready} and ends with its standard input.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

from measuring.requests import BANNER, CHUNK, DONE, HEADER_LENGTH, Ask, Port, decode

_BACKLOG = 1024
_STACK = 256 * 1024

# As tor answers on a UNIX socket: an IPv6 address of zeros.
_CONNECTED = b"\x05\x00\x00\x04" + bytes(18)
_NO_AUTHENTICATION, _PASSWORD, _NONE_FITS = 0, 2, 0xFF
_LONGEST_MESSAGE = 3 + 255 + 1 + 255


def receive(connection: socket.socket, count: int) -> bytes:
    """
    Receive so many bytes, no more.

    @raise EOFError: if the other end closes before.
    """
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def serve(connection: socket.socket, port: int, reply: bytes = b"") -> None:
    """
    Be the server at a port.

    @param reply: what is to be sent before.
    """
    if port == Port.ASKED:
        connection.sendall(reply)
        _doAsAsked(connection)
        return
    if port == Port.SPEAKS_WITH_REPLY:
        connection.sendall(reply + BANNER)
    else:
        connection.sendall(reply)
        connection.sendall(BANNER)
    while connection.recv(len(CHUNK)):
        pass


def _doAsAsked(connection: socket.socket) -> None:
    ask, count = decode(receive(connection, HEADER_LENGTH))
    if ask is Ask.SOURCE:
        view = memoryview(CHUNK)
        for sent in range(0, count, len(CHUNK)):
            connection.sendall(view[: count - sent])
        return
    buffer = memoryview(bytearray(4 * len(CHUNK)))
    while length := connection.recv_into(buffer):
        count -= length
        if ask is Ask.ECHO:
            connection.sendall(buffer[:length])
        elif count <= 0:
            connection.sendall(DONE)


def serveSOCKS(connection: socket.socket) -> None:
    """
    Speak SOCKS5 (RFC 1928, RFC 1929), then be the server at the port that was asked for.

    A message is taken to come as one piece, since its sender waits for the answer.
    """
    methods = connection.recv(_LONGEST_MESSAGE)[2:]
    if _PASSWORD in methods:
        connection.sendall(bytes([5, _PASSWORD]))
        connection.recv(_LONGEST_MESSAGE)
        connection.sendall(b"\x01\x00")
    elif _NO_AUTHENTICATION in methods:
        connection.sendall(bytes([5, _NO_AUTHENTICATION]))
    else:
        connection.sendall(bytes([5, _NONE_FITS]))
        return
    request = connection.recv(_LONGEST_MESSAGE)
    serve(connection, int.from_bytes(request[-2:], "big"), _CONNECTED)


def listen(path: str, serveOne: Callable[[socket.socket], None]) -> None:
    """
    Serve each connection in a thread of its own.
    """
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(_BACKLOG)

    def run(connection: socket.socket) -> None:
        with connection, suppress(OSError, EOFError):
            serveOne(connection)

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=run, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def main(folder: str) -> None:
    """
    Serve until standard input ends.
    """
    threading.stack_size(_STACK)
    listen(os.path.join(folder, "socks"), serveSOCKS)
    for port in Port:
        listen(
            os.path.join(folder, f"direct-{port}"),
            lambda connection, port=port: serve(connection, port),  # type: ignore[misc]
        )
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
