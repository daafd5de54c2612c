# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
libp2p's rhythm.
"""

from __future__ import annotations

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import LogEvent
from twisted.python.failure import Failure

from onionp2p.ping import Err, Ok, PingEvent, PingInitiatorFactory
from onionp2p.ping.errors import ConnectionEnded, NoEcho

PEER = IPv4Address("TCP", "192.0.2.1", 7777)


class Conversation:
    """
    A pinger, connected to us.
    """

    def __init__(self, **keywords: float) -> None:
        self.clock = Clock()
        self.events: list[PingEvent] = []
        factory = PingInitiatorFactory(
            self.clock, self.events.append, now=self.clock.seconds, **keywords
        )
        self.pinger = factory.buildProtocol(PEER)
        self.transport = StringTransport(peerAddress=PEER)
        Protocol.makeConnection(self.pinger, self.transport)

    def sent(self) -> bytes:
        """
        Give what was sent since the last time.
        """
        sent: bytes = self.transport.value()
        self.transport.clear()
        return sent

    def succeed(self) -> None:
        """
        Answer a ping, and wait for the next.
        """
        self.pinger.dataReceived(self.sent())
        self.clock.advance(15)

    def fail(self) -> None:
        """
        Answer a ping wrongly, and wait for the next.
        """
        assert len(self.sent()) == 32
        self.pinger.dataReceived(b"?" * 32)
        self.clock.advance(15)


def test_rhythm() -> None:
    """
    The first ping goes out at once, the next 15 s after the result.
    """
    conversation = Conversation()
    first = conversation.sent()
    assert len(first) == 32
    conversation.clock.advance(3)
    conversation.pinger.dataReceived(first)
    assert conversation.events == [PingEvent(PEER, Ok(3, 32))]
    conversation.clock.advance(14.9)
    assert conversation.sent() == b""
    conversation.clock.advance(0.1)
    assert len(conversation.sent()) == 32


def test_rhythmOfFailures() -> None:
    """
    A ping without an echo fails after 20 s, and the next goes out 15 s later.
    """
    conversation = Conversation()
    conversation.sent()
    conversation.clock.advance(20)
    conversation.clock.advance(14.9)
    assert conversation.sent() == b""
    conversation.clock.advance(0.1)
    assert len(conversation.sent()) == 32
    conversation.clock.advance(20)
    (event,) = conversation.events
    assert isinstance(event.result, Err)
    assert isinstance(event.result.reason, NoEcho)
    assert not conversation.transport.disconnecting


def test_configured() -> None:
    """
    Interval and time-out can be chosen.
    """
    conversation = Conversation(interval=1, timeout=2)
    conversation.sent()
    conversation.clock.pump([2, 1])
    assert len(conversation.sent()) == 32


@pytest.mark.parametrize(
    ("results", "reported"),
    [("F", ""), ("FF", "F"), ("FFF", "FF"), ("FSF", "S"), ("FSFF", "SF"), ("SFSFS", "SSS")],
)
def test_firstFailureInARow(results: str, reported: str) -> None:
    """
    The first failure in a row is silent; a success begins a new row.
    """
    conversation = Conversation()
    for result in results:
        if result == "S":
            conversation.succeed()
        else:
            conversation.fail()
    said = ["S" if isinstance(event.result, Ok) else "F" for event in conversation.events]
    assert "".join(said) == reported
    assert not conversation.transport.disconnecting


def test_connectionLostWhilePinging() -> None:
    """
    The end of the connection ends the pinging, and fails the ping that is under way.
    """
    conversation = Conversation()
    conversation.fail()
    conversation.pinger.connectionLost(Failure(ConnectionDone()))
    (event,) = conversation.events
    assert isinstance(event.result, Err)
    assert isinstance(event.result.reason, ConnectionEnded)
    assert conversation.clock.getDelayedCalls() == []


def test_connectionLostBetweenPings() -> None:
    """
    When the connection ends between two pings there is nothing to report, and no more pinging.
    """
    conversation = Conversation()
    conversation.pinger.dataReceived(conversation.sent())
    conversation.pinger.connectionLost(Failure(ConnectionDone()))
    assert len(conversation.events) == 1
    assert conversation.clock.getDelayedCalls() == []


def test_brokenObserver(loggedErrors: list[LogEvent]) -> None:
    """
    An observer's error is logged, and pinging goes on.
    """

    def observe(event: PingEvent) -> None:
        raise ZeroDivisionError

    clock, transport = Clock(), StringTransport()
    pinger = PingInitiatorFactory(clock, observe).buildProtocol(PEER)
    Protocol.makeConnection(pinger, transport)
    pinger.dataReceived(transport.value())
    assert [event["log_failure"].type for event in loggedErrors] == [ZeroDivisionError]
    loggedErrors.clear()
    transport.clear()
    clock.advance(15)
    assert len(transport.value()) == 32
