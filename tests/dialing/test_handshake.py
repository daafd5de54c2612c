# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The moment at which a connection becomes the application's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import IAddress, IProtocol

from onionp2p import (
    DialOptions,
    ListenOptions,
    OnionAddress,
    OnionClientEndpoint,
    OnionServerEndpoint,
)
from onionp2p.testing import FakeNetwork, MemoryReactor, RecordingFactory, RecordingProtocol
from onionp2p.testing.faketor import JoinFirstBytes


class Meddler(RecordingProtocol):
    """
    Does something with its transport as soon as it is connected.
    """

    def connectionMade(self) -> None:
        super().connectionMade()
        assert isinstance(self.factory, MeddlingFactory)
        self.factory.meddle(self.transport)


class MeddlingFactory(RecordingFactory):
    """
    Builds L{Meddler}s.
    """

    def __init__(self, meddle: Callable[[Any], None], kind: type[Meddler] = Meddler) -> None:
        super().__init__()
        self.meddle = meddle
        self._kind = kind

    def buildProtocol(self, addr: IAddress | None) -> RecordingProtocol:
        self.protocols.append(self._kind(self))
        return self.protocols[-1]


@pytest.fixture
def greeter(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> RecordingFactory:
    """
    The program behind an onion; it speaks first, and its first bytes come with SOCKS's reply.
    """
    fake_network.on("SOCKS CONNECT", JoinFirstBytes())
    return RecordingFactory(greeting=b"hello")


def dial(
    reactor: MemoryReactor, greeter: RecordingFactory, client: RecordingFactory
) -> Deferred[IProtocol]:
    """
    Begin to dial the greeter.
    """
    endpoint = OnionServerEndpoint(reactor, ListenOptions(7777))
    address = reactor.resultOf(endpoint.listen(greeter)).getHost()
    assert isinstance(address, OnionAddress)
    return OnionClientEndpoint(reactor, DialOptions(address)).connect(client)


def test_pausedAtOnce(memory_reactor: MemoryReactor, greeter: RecordingFactory) -> None:
    """
    Who pauses its transport as it is connected, as one end of a proxy does, gets nothing until it
    resumes; then it gets what came first, first.
    """
    client = MeddlingFactory(lambda transport: transport.pauseProducing())
    protocol = memory_reactor.resultOf(dial(memory_reactor, greeter, client))
    assert isinstance(protocol, RecordingProtocol)
    greeter.protocols[0].transport.write(b", world")
    memory_reactor.advance(10)
    assert protocol.received == b""
    protocol.transport.resumeProducing()
    assert protocol.received == b""  # as with bytes from a socket, not within this very call
    memory_reactor.advance(0)
    assert protocol.received == b"hello, world"


def test_pausedByTheFirstCallback(memory_reactor: MemoryReactor, greeter: RecordingFactory) -> None:
    """
    The same holds for who pauses it when connect() fires.
    """
    client = RecordingFactory()
    connecting = dial(memory_reactor, greeter, client)
    connecting.addCallback(lambda _: client.protocols[0].transport.pauseProducing())
    memory_reactor.resultOf(connecting)
    memory_reactor.advance(10)
    (protocol,) = client.protocols
    assert protocol.received == b""
    protocol.transport.resumeProducing()
    protocol.transport.pauseProducing()
    memory_reactor.advance(1)
    assert protocol.received == b""
    protocol.transport.resumeProducing()
    memory_reactor.advance(0)
    assert protocol.received == b"hello"


def test_pausedAndResumed(memory_reactor: MemoryReactor, greeter: RecordingFactory) -> None:
    """
    A transport that is running when its first bytes are due gets them at once, once.
    """

    def meddle(transport: Any) -> None:
        transport.pauseProducing()
        transport.resumeProducing()

    client = MeddlingFactory(meddle)
    memory_reactor.resultOf(dial(memory_reactor, greeter, client))
    memory_reactor.advance(0)
    (protocol,) = client.protocols
    greeter.protocols[0].transport.write(b", world")
    memory_reactor.advance(0)
    assert protocol.received == b"hello, world"


@pytest.mark.parametrize("close", ["loseConnection", "abortConnection", "stopProducing"])
@pytest.mark.parametrize("resumes", [True, False])
def test_closedWhilePaused(
    memory_reactor: MemoryReactor, greeter: RecordingFactory, close: str, resumes: bool
) -> None:
    """
    Who closes a paused connection gets none of the bytes that waited.
    """
    client = MeddlingFactory(lambda transport: transport.pauseProducing())
    protocol = memory_reactor.resultOf(dial(memory_reactor, greeter, client))
    assert isinstance(protocol, RecordingProtocol)
    if resumes:
        protocol.transport.resumeProducing()
    getattr(protocol.transport, close)()
    memory_reactor.advance(10)
    assert protocol.received == b""
    assert protocol.lost is not None
    assert client.stops == 1


def test_pausesAgain(memory_reactor: MemoryReactor, greeter: RecordingFactory) -> None:
    """
    Who pauses as the first bytes come is not given the next ones.
    """

    class Sipper(Meddler):
        def dataReceived(self, data: bytes) -> None:
            super().dataReceived(data)
            self.transport.pauseProducing()

    client = MeddlingFactory(lambda transport: transport.pauseProducing(), Sipper)
    protocol = memory_reactor.resultOf(dial(memory_reactor, greeter, client))
    assert isinstance(protocol, RecordingProtocol)
    greeter.protocols[0].transport.write(b", world")
    protocol.transport.resumeProducing()
    memory_reactor.advance(1)
    assert protocol.received == b"hello"
    protocol.transport.resumeProducing()
    memory_reactor.advance(1)
    assert protocol.received == b"hello, world"
    protocol.transport.abortConnection()


def test_cancelledByBuildProtocol(memory_reactor: MemoryReactor, greeter: RecordingFactory) -> None:
    """
    A factory that cancels the dial while it builds the protocol has it never connected.
    """

    class Canceller(RecordingFactory):
        def buildProtocol(self, addr: IAddress | None) -> RecordingProtocol | None:
            connecting.cancel()
            return super().buildProtocol(addr)

    client = Canceller()
    connecting = dial(memory_reactor, greeter, client)
    with pytest.raises(ConnectingCancelledError):
        memory_reactor.resultOf(connecting)
    memory_reactor.advance(1)
    assert [protocol.steps for protocol in client.protocols] == [[]]
    assert (client.starts, client.stops) == (1, 1)
    assert greeter.protocols[0].lost is not None


def test_cancelledByConnectionMade(
    memory_reactor: MemoryReactor, greeter: RecordingFactory
) -> None:
    """
    A protocol that cancels the dial as it is connected loses its connection.
    """
    client = MeddlingFactory(lambda transport: connecting.cancel())
    connecting = dial(memory_reactor, greeter, client)
    with pytest.raises(ConnectingCancelledError):
        memory_reactor.resultOf(connecting)
    memory_reactor.advance(1)
    assert client.protocols[0].steps == ["connectionMade", "connectionLost"]
    assert (client.starts, client.stops) == (1, 1)


def test_closedByConnectionMade(memory_reactor: MemoryReactor, greeter: RecordingFactory) -> None:
    """
    A protocol that closes as it is connected has still been connected: connect() fires.
    """
    client = MeddlingFactory(lambda transport: transport.loseConnection())
    memory_reactor.resultOf(dial(memory_reactor, greeter, client))
    memory_reactor.advance(1)
    assert client.protocols[0].steps == ["connectionMade", "connectionLost"]
    assert client.stops == 1
