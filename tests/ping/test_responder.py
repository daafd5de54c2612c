# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The side that answers.
"""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.endpoints import UNIXClientEndpoint, connectProtocol
from twisted.internet.interfaces import IHalfCloseableProtocol, ITransport
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from zope.interface import implementer
from zope.interface.verify import verifyObject

from onionp2p.ping import EchoResponderFactory, PingResponder, PingResponderFactory
from onionp2p.testing import MemoryReactor

PAYLOAD = bytes(range(32))


def connected(reactor: MemoryReactor, responders: Factory, dialer: Protocol) -> None:
    """
    Connect C{dialer} to one that C{responders} makes.
    """
    reactor.listenUNIX("/responder", responders)
    reactor.resultOf(connectProtocol(UNIXClientEndpoint(reactor, "/responder"), dialer))


class Dialer(Protocol):
    """
    Keeps what comes.
    """

    def __init__(self) -> None:
        self.received = b""
        self.ended = False

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: object = None) -> None:
        self.ended = True


def test_interface() -> None:
    """
    It takes part in half-close.
    """
    verifyObject(IHalfCloseableProtocol, PingResponder())


def test_wholePayloads() -> None:
    """
    A payload is echoed once all of its 32 bytes have come, not before.
    """
    responder, transport = PingResponder(), StringTransport()
    Protocol.makeConnection(responder, transport)
    responder.dataReceived(PAYLOAD[:31])
    assert transport.value() == b""
    responder.dataReceived(PAYLOAD[31:] + PAYLOAD + b"more")
    assert transport.value() == PAYLOAD * 2


def test_backpressure() -> None:
    """
    The transport is its own producer: it stops reading while its write buffer is full.
    """
    responder, transport = PingResponder(), StringTransport()
    Protocol.makeConnection(responder, transport)
    assert transport.producer is transport
    assert transport.streaming


def test_noBackpressureAtTheEnd() -> None:
    """
    Before it closes it is no producer any more, for a transport may wait for its producer.
    """
    responder, transport = PingResponder(), StringTransport()
    Protocol.makeConnection(responder, transport)
    responder.readConnectionLost()
    assert transport.producer is None
    assert transport.disconnecting


@implementer(ITransport)
class BareTransport:
    """
    A transport with nothing but what every transport has.
    """

    def __init__(self) -> None:
        self.written = b""
        self.disconnecting = False

    def write(self, data: bytes) -> None:
        self.written += data

    def writeSequence(self, iovec: object) -> None:
        raise NotImplementedError

    def loseConnection(self) -> None:
        self.disconnecting = True

    def getPeer(self) -> None:  # type: ignore[override]
        return None

    getHost = getPeer


def test_anyTransport() -> None:
    """
    A transport without producers and consumers will do, such as a stream of a multiplexer.
    """
    responder, transport = PingResponder(), BareTransport()
    Protocol.makeConnection(responder, transport)
    responder.dataReceived(PAYLOAD)
    assert transport.written == PAYLOAD
    responder.readConnectionLost()
    assert transport.disconnecting


@pytest.mark.parametrize("responders", [PingResponderFactory, EchoResponderFactory])
def test_flood(responders: type[Factory]) -> None:
    """
    A peer that sends for ever and does not read costs a bounded amount of memory; when it reads
    at last it gets its echoes.
    """
    reactor, dialer = MemoryReactor(), Dialer()
    reactor.start()
    connected(reactor, responders(), dialer)
    assert dialer.transport is not None
    flooding: Any = dialer.transport
    flooding.pauseProducing()
    flood = PAYLOAD * 32 * 1024 * 8  # 8 MiB
    flooding.write(flood)
    reactor.advance(0)
    kept = len(flooding.dataBuffer) + flooding._tempDataLen
    # Two sockets' buffers, and one write buffer of Twisted's.
    assert len(flood) - kept < 1024 * 1024
    flooding.resumeProducing()
    reactor.advance(0)
    assert dialer.received == flood
    flooding.loseConnection()
    reactor.advance(0)


@pytest.mark.parametrize("responders", [PingResponderFactory, EchoResponderFactory])
def test_halfClose(responders: type[Factory]) -> None:
    """
    A peer that has closed its writing side still gets all its echoes, then the connection's end.
    """
    reactor, dialer = MemoryReactor(), Dialer()
    reactor.start()
    connected(reactor, responders(), dialer)
    closing: Any = dialer.transport
    closing.pauseProducing()
    closing.write(PAYLOAD * 32 * 1024)
    closing.loseWriteConnection()
    reactor.advance(0)
    closing.resumeProducing()
    reactor.advance(0)
    assert dialer.received == PAYLOAD * 32 * 1024
    assert dialer.ended
