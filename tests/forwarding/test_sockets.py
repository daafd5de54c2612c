# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Carrying connections between real sockets of this machine.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import blockon
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from onionp2p.forwarding import Forwarder

pytestmark = pytest.mark.allow_loopback

LINGER = struct.pack("ii", 1, 0)


class Carried:
    """
    A connection that is carried: its two ends.
    """

    def __init__(self, client: socket.socket, server: socket.socket, forwarder: Forwarder) -> None:
        self.client = client
        self.server = server
        self.forwarder = forwarder


@pytest.fixture(params=["tcp", "unix"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
    """
    Who is dialled.
    """
    family = socket.AF_INET if request.param == "tcp" else socket.AF_UNIX
    with socket.socket(family) as listener:
        listener.bind(("127.0.0.1", 0) if request.param == "tcp" else str(tmp_path / "out"))
        listener.listen()
        yield listener


@pytest.fixture
def carried(listener: socket.socket, tmp_path: Path) -> Iterator[Carried]:
    """
    A connection of the listener's kind.
    """
    name = listener.getsockname()
    endpoint: Any
    port: Any
    untyped: Any = reactor
    client = socket.socket(listener.family)
    if listener.family == socket.AF_INET:
        endpoint = TCP4ClientEndpoint(reactor, *name)
        forwarder = Forwarder(reactor, endpoint)
        port = untyped.listenTCP(0, forwarder, interface="127.0.0.1")
        address: Any = ("127.0.0.1", port.getHost().port)
    else:
        endpoint = UNIXClientEndpoint(reactor, name)
        forwarder = Forwarder(reactor, endpoint)
        address = str(tmp_path / "in")
        port = untyped.listenUNIX(address, forwarder)
    client.settimeout(1)
    client.connect(address)
    server, _ = blockon(deferToThread(listener.accept))
    server.settimeout(1)
    blockon(deferLater(reactor, 0.01))
    yield Carried(client, server, forwarder)
    client.close()
    server.close()
    blockon(port.stopListening())
    blockon(Deferred.fromCoroutine(forwarder.stop()))
    assert forwarder.open == 0


async def read(sock: socket.socket) -> bytes:
    """
    Read all, up to the end.
    """

    def readAll() -> bytes:
        parts = []
        while data := sock.recv(65536):
            parts.append(data)
        return b"".join(parts)

    got: bytes = await deferToThread(readAll)
    return got


async def test_halfClose(carried: Carried) -> None:
    """
    Who says no more is told the answer.
    """
    carried.client.sendall(b"question")
    carried.client.shutdown(socket.SHUT_WR)
    assert await read(carried.server) == b"question"
    await deferToThread(carried.server.sendall, b"answer")
    carried.server.close()
    assert await read(carried.client) == b"answer"


async def test_much(carried: Carried) -> None:
    """
    Much comes through whole, and then the end.
    """
    data = bytes(range(256)) * 20_000
    sending = deferToThread(carried.client.sendall, data)
    sending.addCallback(lambda _: carried.client.close())
    assert await read(carried.server) == data
    await sending


async def test_reset(carried: Carried) -> None:
    """
    A connection that is reset on one side is reset on the other, where there is such a thing.
    """
    if carried.client.family == socket.AF_INET:
        carried.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
        carried.client.close()
        with pytest.raises(ConnectionResetError):
            await read(carried.server)
    else:
        carried.client.close()
        assert await read(carried.server) == b""


async def test_gone(carried: Carried) -> None:
    """
    Of a UNIX socket that is closed altogether, it shows at once that nobody listens any more; a TCP
    peer may be waiting for his answer.
    """
    carried.client.close()
    assert await read(carried.server) == b""
    (carriage,) = carried.forwarder._carriages
    assert carriage.accepted.isLost is (carried.client.family == socket.AF_UNIX)
    stopping = Deferred.fromCoroutine(carried.forwarder.stop())
    carried.server.close()
    await stopping


async def test_small(carried: Carried) -> None:
    """
    Small messages do not wait for each other.
    """
    for _ in range(50):
        carried.client.sendall(b"x")
        assert await deferToThread(carried.server.recv, 1) == b"x"
        carried.server.sendall(b"y")
        assert await deferToThread(carried.client.recv, 1) == b"y"
