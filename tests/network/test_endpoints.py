# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Listening and dialing in one process, by endpoint strings, over real onion services.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString, connectProtocol, serverFromString
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from onionp2p import OnionAddress, OnionPeer
from onionp2p.errors import ConnectionRefused, DialTimeout, OnionPortInUse
from onionp2p.listening.listen import OnionPort


class Greeter(Protocol):
    """
    Speaks first, then echoes.
    """

    transport: Any = None

    def connectionMade(self) -> None:
        self.transport.write(b"hello")

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)


class Collector(Protocol):
    """
    Keeps what it gets.
    """

    transport: Any = None

    def __init__(self) -> None:
        self.data = b""
        self.wanted = 0
        self.got: Deferred[bytes] = Deferred()
        self.ended: Deferred[BaseException | None] = Deferred()

    def collect(self, count: int) -> Deferred[bytes]:
        """
        Give the next C{count} bytes.
        """
        self.wanted, self.got = count, Deferred()
        self.dataReceived(b"")
        return self.got

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        if self.wanted and len(self.data) >= self.wanted:
            result, self.data = self.data[: self.wanted], self.data[self.wanted :]
            self.wanted = 0
            self.got.callback(result)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended.callback(reason.value)


async def listen(options: str = "") -> OnionPort:
    """
    Serve a L{Greeter} at port 7777 of an onion.
    """
    endpoint = serverFromString(reactor, f"onionp2p:listen:port=7777{options}")
    port = await endpoint.listen(Factory.forProtocol(Greeter))
    assert isinstance(port, OnionPort)
    return port


async def dial(address: OnionAddress, options: str = "") -> Collector:
    """
    Connect a L{Collector} to it.
    """
    string = f"onionp2p:dial:addr={address.hostname}:{address.port}{options}"
    collector = Collector()
    await connectProtocol(clientFromString(reactor, string), collector)
    return collector


async def test_thereAndBack() -> None:
    """
    What is written at one end arrives at the other, in both directions, and neither end sees more
    of the other than its onion.
    """
    port = await listen()
    address = port.getHost()
    client = await dial(address)
    assert client.transport.getPeer() == address
    assert client.transport.getHost() == OnionPeer()
    assert await client.collect(5) == b"hello"
    sent = secrets.token_bytes(100_000)
    client.transport.write(sent)
    assert await client.collect(len(sent)) == sent
    client.transport.loseConnection()
    assert isinstance(await client.ended, ConnectionDone)
    await port.stopListening()


async def test_noInternetSocket() -> None:
    """
    While an onion is served and dialled, this process holds no socket but UNIX ones.
    """
    port = await listen()
    client = await dial(port.getHost())
    await client.collect(5)
    assert internetSockets() == []
    client.transport.loseConnection()
    await client.ended
    await port.stopListening()


def internetSockets() -> list[str]:
    """
    Give the lines of the kernel's tables of TCP and UDP sockets that are ours.
    """
    mine = set()
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{descriptor}")
        except FileNotFoundError:  # of listdir() itself
            continue
        if target.startswith("socket:["):
            mine.add(target[len("socket:[") : -1])
    lines = []
    for table in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        with open(f"/proc/self/net/{table}") as file:
            lines += [line for line in list(file)[1:] if line.split()[9] in mine]
    return lines


async def test_keptAddress(tmp_path: Path) -> None:
    """
    With key= a listener has the same address each time, one listener at a time.
    """
    options = f":key={tmp_path}/key"
    port = await listen(options)
    first = port.getHost()
    with pytest.raises(OnionPortInUse):
        await listen(options)
    await port.stopListening()
    again = await listen(options)
    assert again.getHost() == first
    client = await dial(first)
    assert await client.collect(5) == b"hello"
    client.transport.loseConnection()
    await client.ended
    await again.stopListening()


async def test_addressAtOnce() -> None:
    """
    wait=address gives the address before the onion can be dialled; a dial waits for that.
    """
    port = await listen(":wait=address")
    client = await dial(port.getHost())
    assert await client.collect(5) == b"hello"
    client.transport.loseConnection()
    await client.ended
    await port.stopListening()


async def test_acceptedConnectionsLiveOn() -> None:
    """
    Stopping a listener withdraws its onion, and leaves those alone who are in.
    """
    port = await listen()
    client = await dial(port.getHost())
    assert await client.collect(5) == b"hello"
    await port.stopListening()
    await port.stopListening()
    client.transport.write(b"still here")
    assert await client.collect(10) == b"still here"
    client.transport.loseConnection()
    await client.ended


async def test_wrongPort() -> None:
    """
    An onion that does not serve the port says so, without a retry.
    """
    port = await listen()
    address = port.getHost()
    with pytest.raises(ConnectionRefused, match="check the port"):
        await dial(OnionAddress(address.label, 7778))
    await port.stopListening()


async def test_nobodyThere() -> None:
    """
    An onion that nobody serves is looked for until the time is up, and the error says what failed,
    without the whole address.
    """
    port = await listen()
    address = port.getHost()
    nobody = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd"
    for seconds in (3, 20):  # the directories may be slow on a busy machine
        with pytest.raises(DialTimeout) as caught:
            await dial(OnionAddress(nobody, address.port), f":timeout={seconds}")
        assert nobody not in repr(caught.value) + str(caught.value)
        if "Nobody is at this onion" in str(caught.value):
            break
    else:
        raise caught.value
    await port.stopListening()


class Interrupter(Collector):
    """
    Writes something back for each chunk that it gets.
    """

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        self.transport.write(b"yes?")


class Sender(Protocol):
    """
    Writes a lot and closes.
    """

    transport: Any = None

    def connectionMade(self) -> None:
        self.transport.write(b"x" * 300_000)
        self.transport.loseConnection()


async def test_lastBytesArrive() -> None:
    """
    What was written before loseConnection() arrives, though the other end writes all the while.
    """
    server = serverFromString(reactor, "onionp2p:listen:port=7777")
    port = await server.listen(Factory.forProtocol(Sender))
    assert isinstance(port, OnionPort)
    for _ in range(5):
        receiver = Interrupter()
        string = f"onionp2p:dial:addr={port.getHost().hostname}:7777"
        await connectProtocol(clientFromString(reactor, string), receiver)
        await receiver.ended
        assert len(receiver.data) == 300_000
    await port.stopListening()
