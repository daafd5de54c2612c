# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The base of what is measured over tor: a blocking socket that speaks SOCKS, and nothing else.

It makes what L{measuring.figures} does of the same name.
"""

from __future__ import annotations

import os
import secrets
import socket
import time

from measuring.figures import medianOfTrips
from measuring.protocols import MESSAGE
from measuring.requests import CHUNK, DONE, Ask, Port, encode
from measuring.standin import receive

__all__ = ["RAW", "RawSocket", "transfer", "visit"]

RAW = "raw socket"

_GIB = 2.0**30
_SECONDS = 60.0
_WORTH_A_RETRY = {0xF0, 0xF2, 0xF3, 0xF7}


class RawSocket:
    """
    Dials an onion through tor's socket.
    """

    def __init__(self, folder: str, label: str) -> None:
        """
        @param folder: where tor's C{socks} is.
        @param label: the onion's 56 characters.
        """
        self._path = os.path.join(folder, "socks")
        self._host = f"{label}.onion".encode()
        self._token = secrets.token_hex(16).encode()

    def share(self, token: str) -> None:
        """
        Dial by the circuits of all who have the same isolation token: fresh ones, if nobody has.
        """
        self._token = token.encode()

    def dial(self) -> socket.socket:
        """
        Connect.  What tor could not do this time is tried again at once.
        """
        while True:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(_SECONDS)
            connection.connect(self._path)
            connection.sendall(b"\x05\x01\x02")
            receive(connection, 2)
            connection.sendall(b"\x01\x09<torS0X>0" + _counted(self._token))
            receive(connection, 2)
            port = Port.ASKED.to_bytes(2, "big")
            connection.sendall(b"\x05\x01\x00\x03" + _counted(self._host) + port)
            code = connection.recv(22)[1]
            if not code:
                return connection
            connection.close()
            if code not in _WORTH_A_RETRY:
                raise ConnectionError(f"tor's reply is {code:#04x}")


def _counted(text: bytes) -> bytes:
    return bytes([len(text)]) + text


async def visit(raw: RawSocket, *, trips: int) -> dict[str, float]:
    """
    Dial by fresh circuits, dial again by the same, and exchange messages.
    """
    result = {}
    raw.share(secrets.token_hex(16))
    began = time.perf_counter()
    first = raw.dial()
    result["cold"] = (time.perf_counter() - began) * 1e3
    began = time.perf_counter()
    warm = raw.dial()
    result["warm"] = (time.perf_counter() - began) * 1e3
    arrivals = [time.perf_counter()]
    message = encode(Ask.ECHO) + MESSAGE
    for _ in range(trips):
        warm.sendall(message)
        receive(warm, len(MESSAGE))
        arrivals.append(time.perf_counter())
        message = MESSAGE
    result["trip"] = medianOfTrips(arrivals)
    first.close()
    warm.close()
    return result


async def transfer(raw: RawSocket, *, size: int, token: str = "") -> dict[str, float]:
    """
    Send so many bytes, then receive as many on another connection.
    """
    result = {}
    if token:
        raw.share(token)
    for name, move in (("sent", _send), ("received", _receive)):
        with raw.dial() as connection:
            clock, cpu = time.perf_counter(), time.process_time()
            move(connection, size)
            result[f"clock {name}"] = (time.perf_counter() - clock) * _GIB / size
            result[f"cpu {name}"] = (time.process_time() - cpu) * _GIB / size
    return result


def _send(connection: socket.socket, size: int) -> None:
    connection.sendall(encode(Ask.SINK, size))
    for sent in range(0, size, len(CHUNK)):
        connection.sendall(CHUNK[: size - sent])
    receive(connection, len(DONE))


def _receive(connection: socket.socket, size: int) -> None:
    connection.sendall(encode(Ask.SOURCE, size))
    for received in range(0, size, len(CHUNK)):
        receive(connection, min(len(CHUNK), size - received))
