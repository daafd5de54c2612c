# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The listening side: send back what comes, as fast as the peer reads it and no faster.
"""

from __future__ import annotations

from typing import cast

from twisted.internet.interfaces import IConsumer, IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import Factory, Protocol
from zope.interface import implementer

from onionp2p.ping.codec import ResponderCodec

__all__ = ["PingResponder", "PingResponderFactory", "Responder"]


@implementer(IHalfCloseableProtocol)
class Responder(Protocol):
    """
    Sends what L{answer} makes of the bytes that come.

    The transport is registered as the producer of its own consumer: while its
    write buffer is full it does not read.  So a peer that asks without ever
    reading the answers costs one write buffer and stalls only itself.
    """

    def connectionMade(self) -> None:
        transport: object = self.transport
        if IConsumer.providedBy(transport) and IPushProducer.providedBy(transport):
            transport.registerProducer(transport, True)

    def answer(self, data: bytes) -> bytes:
        """
        Say what to send back.  To be overridden.

        @param data: what came, in chunks of any size.
        """
        raise NotImplementedError

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(self.answer(data))

    def readConnectionLost(self) -> None:
        """
        The peer has asked its last, and may still be waiting for answers: send them, then close.
        """
        assert self.transport is not None
        if IConsumer.providedBy(self.transport):
            # A transport waits for its producer before it closes.
            cast("IConsumer", self.transport).unregisterProducer()
        self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """
        We never close the write side alone, so this does not come.
        """


class PingResponder(Responder):
    """
    libp2p's ping, the listener's side: echoes payloads of 32 bytes.
    """

    def __init__(self) -> None:
        self._codec = ResponderCodec()

    def answer(self, data: bytes) -> bytes:
        return self._codec.receive(data)


class PingResponderFactory(Factory):
    """
    Answers pings on every connection.
    """

    noisy = False
    protocol = PingResponder
