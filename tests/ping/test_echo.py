# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Arbitrary bytes.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.protocol import Protocol
from twisted.internet.testing import StringTransport

from onionp2p.ping import EchoInitiatorFactory, EchoResponder, EchoResponderFactory, Ok, PingEvent
from onionp2p.ping.echo import MESSAGE_LIMIT, randomMessage
from onionp2p.testing import MemoryReactor


@given(chunks=st.lists(st.binary(min_size=1)))
def test_responder(chunks: list[bytes]) -> None:
    """
    Whatever comes goes back at once.
    """
    responder, transport = EchoResponder(), StringTransport()
    Protocol.makeConnection(responder, transport)
    for chunk in chunks:
        responder.dataReceived(chunk)
        assert transport.value() == chunk
        transport.clear()


def test_messages() -> None:
    """
    The initiator's messages differ in length and content, and are neither empty nor too long.
    """
    messages = [randomMessage() for _ in range(100)]
    assert len(set(messages)) > 90
    assert len({len(message) for message in messages}) > 10
    assert all(1 <= len(message) <= MESSAGE_LIMIT for message in messages)


def test_together() -> None:
    """
    The initiator finds that the responder's echoes are right, one after the other.
    """
    reactor = MemoryReactor()
    reactor.start()
    events: list[PingEvent] = []
    reactor.listenUNIX("/echo", EchoResponderFactory())
    factory = EchoInitiatorFactory(reactor, events.append, interval=1)
    reactor.resultOf(UNIXClientEndpoint(reactor, "/echo").connect(factory))
    reactor.advance(10.5)
    assert len(events) == 11
    sizes = set()
    for event in events:
        assert isinstance(event.result, Ok)
        sizes.add(event.result.size)
    assert len(sizes) > 5
