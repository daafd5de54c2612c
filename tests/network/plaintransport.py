# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A pluggable transport for tests, which hides nothing: tor dials its bridge through it.

It writes a line to C{carried} in its folder for each connection.  The words are those of Tor's
pt-spec.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """
    Carry bytes one way, until the end.
    """
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """
    Take a SOCKS5 request for a bridge, and connect to it.
    """
    version, methods = await reader.readexactly(2)
    await reader.readexactly(methods)
    writer.write(bytes([version, 0]))
    request = await reader.readexactly(10)  # an IPv4 address: bridges have no names
    address, port = socket.inet_ntoa(request[4:8]), int.from_bytes(request[8:])
    assert address == "127.0.0.1"
    itsReader, itsWriter = await asyncio.open_connection(address, port)
    with open(os.path.join(os.path.dirname(__file__), "carried"), "a") as file:
        file.write(f"{port}\n")
    writer.write(b"\x05\x00\x00\x01" + bytes(6))
    await asyncio.gather(pump(reader, itsWriter), pump(itsReader, writer))


async def main() -> None:
    """
    Tell tor where we are, and serve it for as long as it has our standard input open.
    """
    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(f"VERSION 1\nCMETHOD plain socks5 127.0.0.1:{port}\nCMETHODS DONE", flush=True)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(0))
    await reader.read()
    os._exit(0)  # not after the connections: tor is gone


asyncio.run(main())
