# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The side that asks, one ping at a time.
"""

from __future__ import annotations

from typing import cast

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.endpoints import UNIXClientEndpoint, connectProtocol
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from onionp2p.ping import Ok, PingInitiator
from onionp2p.ping.codec import UNANSWERED_LIMIT
from onionp2p.ping.errors import ConnectionEnded, NoEcho, TooManyUnanswered, WrongEcho
from onionp2p.testing import MemoryReactor


class Conversation:
    """
    An initiator on a clock and a transport of ours.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.initiator = PingInitiator(self.clock, now=self.clock.seconds)
        self.transport = StringTransport()
        Protocol.makeConnection(self.initiator, self.transport)

    def ping(self) -> list[object]:
        """
        Ping; the result will be in the list that is returned.
        """
        results: list[object] = []
        pinging = self.initiator.ping()
        pinging.addCallbacks(results.append, lambda failure: results.append(failure.value))
        return results

    def sent(self) -> bytes:
        """
        Give what was sent since the last time.
        """
        sent: bytes = self.transport.value()
        self.transport.clear()
        return sent


@pytest.fixture
def conversation() -> Conversation:
    """
    A connection that was just made.
    """
    return Conversation()


def test_roundTrip(conversation: Conversation) -> None:
    """
    The result is the time from the question to the end of its echo.
    """
    result = conversation.ping()
    payload = conversation.sent()
    conversation.clock.advance(0.2)
    conversation.initiator.dataReceived(payload[:31])
    assert result == []
    conversation.clock.advance(0.05)
    conversation.initiator.dataReceived(payload[31:])
    assert result == [Ok(0.25, 32)]
    assert conversation.clock.getDelayedCalls() == []


def test_randomPayloads(conversation: Conversation) -> None:
    """
    Each ping is 32 bytes that nobody can foresee.
    """
    payloads = set()
    for _ in range(20):
        conversation.ping()
        payloads.add(conversation.sent())
    assert len(payloads) == 20
    assert {len(payload) for payload in payloads} == {32}


def test_measuresWithItsOwnClock() -> None:
    """
    Setting the wall clock during a ping does not change the round trip.
    """
    wall, monotonic = Clock(), Clock()
    initiator, transport = PingInitiator(wall, now=monotonic.seconds), StringTransport()
    Protocol.makeConnection(initiator, transport)
    results: list[Ok] = []
    initiator.ping().addCallback(results.append)
    wall.rightNow -= 3600
    monotonic.advance(0.5)
    initiator.dataReceived(transport.value())
    assert results == [Ok(0.5, 32)]


def test_noEcho(conversation: Conversation) -> None:
    """
    Without an echo a ping fails after 20 s, and the connection stays.
    """
    result = conversation.ping()
    conversation.clock.advance(19.9)
    assert result == []
    conversation.clock.advance(0.1)
    (error,) = result
    assert isinstance(error, NoEcho)
    assert str(error) == "no echo within 20 s"
    assert not conversation.transport.disconnecting


def test_lateEcho(conversation: Conversation) -> None:
    """
    The echo of a ping that timed out is not taken for that of the next.
    """
    conversation.ping()
    late = conversation.sent()
    conversation.clock.advance(20)
    result = conversation.ping()
    conversation.clock.advance(1)
    conversation.initiator.dataReceived(late)
    assert result == []
    conversation.clock.advance(1)
    conversation.initiator.dataReceived(conversation.sent())
    assert result == [Ok(2, 32)]


def test_wrongEcho(conversation: Conversation) -> None:
    """
    Other bytes than were sent are an error; the connection stays, and the next ping may succeed.
    """
    result = conversation.ping()
    conversation.sent()
    conversation.initiator.dataReceived(b"?" * 32)
    (error,) = result
    assert isinstance(error, WrongEcho)
    assert not conversation.transport.disconnecting
    result = conversation.ping()
    conversation.initiator.dataReceived(conversation.sent())
    assert result == [Ok(0, 32)]


def test_cancelled(conversation: Conversation) -> None:
    """
    A cancelled ping leaves nothing behind, and its echo is ignored.
    """
    pinging = conversation.initiator.ping()
    failures: list[Failure] = []
    pinging.addErrback(failures.append)
    pinging.cancel()
    assert failures[0].check(CancelledError)
    conversation.initiator.dataReceived(conversation.sent())
    assert conversation.clock.getDelayedCalls() == []


def test_silentPeer(conversation: Conversation) -> None:
    """
    A peer that never answers costs a bounded amount of memory, here and in the write buffer.
    """
    for _ in range(UNANSWERED_LIMIT):
        conversation.ping()
        conversation.clock.advance(20)
    (error,) = conversation.ping()
    assert isinstance(error, TooManyUnanswered)
    assert len(conversation.sent()) == UNANSWERED_LIMIT * 32


def test_connectionLost(conversation: Conversation) -> None:
    """
    When the connection ends, so do all pings on it, at once, with the reason.
    """
    results = [conversation.ping(), conversation.ping()]
    conversation.initiator.connectionLost(Failure(ConnectionDone()))
    for result in results:
        (error,) = result
        assert isinstance(error, ConnectionEnded)
        assert str(error) == "connection lost: Connection was closed cleanly."
    assert conversation.clock.getDelayedCalls() == []


def test_pingAfterTheEnd(conversation: Conversation) -> None:
    """
    After the end of the connection a ping fails at once.
    """
    conversation.initiator.connectionLost(Failure(ConnectionLost()))
    assert conversation.initiator.ended
    (error,) = conversation.ping()
    assert isinstance(error, ConnectionEnded)


def test_whenEnded(conversation: Conversation) -> None:
    """
    Everybody who waits for the end of the connection learns the reason, late-comers too.
    """
    reasons: list[object] = []
    conversation.initiator.whenEnded().addCallback(reasons.append)
    reason = ConnectionLost()
    conversation.initiator.connectionLost(Failure(reason))
    conversation.initiator.whenEnded().addCallback(reasons.append)
    assert reasons == [reason, reason]


class Deaf(Protocol):
    """
    Accepts and never reads.
    """

    def connectionMade(self) -> None:
        cast("IPushProducer", self.transport).pauseProducing()


class TestClosing:
    """
    L{PingInitiator.close}.
    """

    def connected(self, reactor: MemoryReactor, peer: type[Protocol], size: int) -> PingInitiator:
        """
        Connect to C{peer}, and ask a question of C{size} bytes.
        """
        reactor.start()
        reactor.listenUNIX("/peer", Factory.forProtocol(peer))
        initiator = PingInitiator(reactor, payload=lambda: bytes(size))
        reactor.resultOf(connectProtocol(UNIXClientEndpoint(reactor, "/peer"), initiator))
        initiator.ping().addErrback(lambda failure: failure.trap(ConnectionEnded))
        return initiator

    def test_atOnce(self) -> None:
        """
        Closing takes no time, and nothing unanswered is waited for.
        """
        reactor = MemoryReactor()
        initiator = self.connected(reactor, Protocol, 32)
        assert isinstance(reactor.resultOf(initiator.close(), 0), ConnectionDone)
        assert reactor.getDelayedCalls() == []

    def test_peerThatDoesNotRead(self) -> None:
        """
        A peer that does not read what was sent to it is cut off after a second.
        """
        reactor = MemoryReactor()
        initiator = self.connected(reactor, Deaf, 8 * 1024 * 1024)
        closing = initiator.close()
        reactor.advance(0.9)
        assert not closing.called
        assert isinstance(reactor.resultOf(closing, 0.2), ConnectionAborted)
        assert reactor.getDelayedCalls() == []

    def test_twice(self) -> None:
        """
        What has ended can be closed.
        """
        reactor = MemoryReactor()
        initiator = self.connected(reactor, Protocol, 32)
        reactor.resultOf(initiator.close())
        assert isinstance(reactor.resultOf(initiator.close(), 0), ConnectionDone)
