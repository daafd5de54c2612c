# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Programs that carry connections from one local socket to another place, and who uses them.

The service behind all of them is L{serve}; the contenders are ours and C{socat}.
"""

from __future__ import annotations

import os
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Any

__all__ = ["download", "many", "ours", "roundTrip", "running", "serve", "upload"]

_BLOCK = bytes(65536)
_SECONDS = 60.0
_SECONDS_TO_START = 90.0
_SIZE = struct.Struct("!cQ")


class _Service(socketserver.BaseRequestHandler):
    """
    Does what the first byte of a connection asks for: E, echo; D, send so many bytes; U, take so
    many and say so.
    """

    request: socket.socket

    def handle(self) -> None:
        with suppress(OSError):
            header = self._exactly(_SIZE.size)
            if len(header) < _SIZE.size:
                return  # somebody only looked in
            kind, size = _SIZE.unpack(header)
            if kind == b"E":
                while data := self.request.recv(65536):
                    self.request.sendall(data)
            elif kind == b"D":
                for _ in range(size // len(_BLOCK)):
                    self.request.sendall(_BLOCK)
            else:
                while size:
                    size -= len(self.request.recv(min(size, 65536)))
                self.request.sendall(b"!")

    def _exactly(self, size: int) -> bytes:
        got = b""
        while len(got) < size and (data := self.request.recv(size - len(got))):
            got += data
        return got


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 1024


@contextmanager
def serve(path: str) -> Iterator[None]:
    """
    Serve at a UNIX socket, in this process.
    """
    with _Server(path, _Service) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def running(*command: str, says: str = "", path: str = "") -> Iterator[str]:
    """
    Run a carrier until it is not needed any more.

    @param says: the line that it prints when it is ready begins with this.
    @param path: or the socket that is there then.

    @return: that line.
    """
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert process.stdout is not None
        line = ""
        deadline = time.monotonic() + _SECONDS_TO_START
        while says and not line.startswith(says):
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"{command[:2]} has ended")
        while path and not os.path.exists(path):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{command[:2]} made no {path}")
            time.sleep(0.01)
        yield line.strip()
    finally:
        process.terminate()
        process.wait()
        with suppress(ProcessLookupError):  # those that socat has forked
            os.killpg(process.pid, signal.SIGTERM)


def _connect(path: str, kind: bytes, size: int = 0) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(_SECONDS)
    connection.connect(path)
    connection.sendall(_SIZE.pack(kind, size))
    return connection


def roundTrip(path: str, count: int) -> float:
    """
    Give the seconds that one of so many messages of 64 bytes took, there and back.
    """
    with _connect(path, b"E") as connection:
        message = bytes(64)
        times = []
        for _ in range(count):
            began = time.perf_counter()
            connection.sendall(message)
            got = 0
            while got < len(message):
                got += len(connection.recv(64))
            times.append(time.perf_counter() - began)
    return sorted(times)[count // 2]


def download(path: str, size: int) -> float:
    """
    Give the seconds that so many bytes took to come.
    """
    began = time.perf_counter()
    with _connect(path, b"D", size) as connection:
        missing = size // len(_BLOCK) * len(_BLOCK)
        while missing:
            data = connection.recv(65536)
            if not data:
                raise RuntimeError("it ended too early")
            missing -= len(data)
    return time.perf_counter() - began


def upload(path: str, size: int) -> float:
    """
    Give the seconds that so many bytes took to get there.
    """
    began = time.perf_counter()
    with _connect(path, b"U", size) as connection:
        for _ in range(size // len(_BLOCK)):
            connection.sendall(_BLOCK)
        connection.sendall(bytes(size % len(_BLOCK)))
        if connection.recv(1) != b"!":
            raise RuntimeError("it ended too early")
    return time.perf_counter() - began


def many(path: str, count: int) -> tuple[int, float]:
    """
    Have so many connections at a time, each of which echoes 1 KiB while all are there.

    @return: how many did, and the seconds that it took.
    """
    message = os.urandom(1024)
    connections: list[Any] = []
    answered = 0
    began = time.perf_counter()
    try:
        for _ in range(count):
            with suppress(OSError):
                connections.append(_connect(path, b"E"))
                connections[-1].sendall(message)
        for connection in connections:
            got = b""
            with suppress(OSError):
                while len(got) < len(message) and (data := connection.recv(1024)):
                    got += data
            answered += got == message
        return answered, time.perf_counter() - began
    finally:
        for connection in connections:
            connection.close()


def ours(*arguments: str) -> list[str]:
    """
    Give the command line of one of our commands.
    """
    return [sys.executable, "-m", "onionp2p", *arguments]
