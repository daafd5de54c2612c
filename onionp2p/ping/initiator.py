# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The dialing side: ask, wait for the echo, and tell how long it took.

A failed ping does not close the connection.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from onionp2p.ping.codec import PAYLOAD_SIZE, InitiatorCodec
from onionp2p.ping.errors import ConnectionEnded, NoEcho, TooManyUnanswered
from onionp2p.ping.results import Ok
from onionp2p.waiting.outcome import Outcome

__all__ = ["TIMEOUT", "PingInitiator", "pingPayload"]

TIMEOUT = 20.0
"""Seconds that an echo may take."""

_CLOSING = 1.0
"""Seconds that a peer gets to read what was already sent to it."""


def pingPayload() -> bytes:
    """
    Make the bytes of a ping: random, and nothing else.
    """
    return secrets.token_bytes(PAYLOAD_SIZE)


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    """
    Somebody waits for this echo.
    """

    asked: float
    size: int
    answered: Deferred[Ok]


class PingInitiator(Protocol):
    """
    Asks for echoes, on any transport.

    @ivar peer: what the transport's C{getPeer()} said when the connection was made.
    """

    peer: IAddress

    def __init__(
        self,
        clock: IReactorTime,
        *,
        timeout: float = TIMEOUT,
        payload: Callable[[], bytes] = pingPayload,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        """
        @param clock: schedules time-outs.  It does not measure: a reactor's
            C{seconds()} is the wall clock, which can be set while a ping is on
            its way.
        @param timeout: how many seconds an echo may take.
        @param payload: makes the bytes of each question.
        @param now: measures round trips: seconds of any monotonic clock.
        """
        self._clock = clock
        self._timeout = timeout
        self._payload = payload
        self._now = now
        self._codec = InitiatorCodec()
        self._questions: dict[int, _Question] = {}
        self._end: Outcome[BaseException] = Outcome()

    @property
    def ended(self) -> bool:
        """
        Whether the connection has ended.
        """
        return self._end.known

    def whenEnded(self) -> Deferred[BaseException]:
        """
        Wait for the end of the connection.

        @return: a Deferred of the caller's own that fires with the reason.
        """
        return self._end.wait()

    def ping(self) -> Deferred[Ok]:
        """
        Send a question and wait for its echo.

        One that came too late, or whose question was cancelled, is not taken
        for the echo of another.

        @return: fails with a L{PingError}.  May be cancelled.
        """
        if self._end.known:
            return fail(ConnectionEnded(ConnectionLost()))
        assert self.transport is not None
        payload = self._payload()
        try:
            number = self._codec.ask(payload)
        except TooManyUnanswered as error:
            return fail(error)

        def forget(_: Deferred[Ok]) -> None:
            del self._questions[number]

        answered: Deferred[Ok] = Deferred(forget)
        self._questions[number] = _Question(self._now(), len(payload), answered)
        self.transport.write(payload)
        answered.addTimeout(self._timeout, self._clock, _noEcho)
        return answered

    def close(self) -> Deferred[BaseException]:
        """
        Close the connection; cut it off when the peer does not read in time.

        @return: fires with the reason once it has ended.
        """
        closed = self._end.wait()
        if self._end.known:
            return closed
        assert self.transport is not None
        abort = getattr(self.transport, "abortConnection", self.transport.loseConnection)
        late = self._clock.callLater(_CLOSING, abort)

        def inTime(reason: BaseException) -> BaseException:
            if late.active():
                late.cancel()
            return reason

        closed.addBoth(inTime)
        self.transport.loseConnection()
        return closed

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.peer = self.transport.getPeer()

    def dataReceived(self, data: bytes) -> None:
        now = self._now()
        for echo in self._codec.receive(data):
            question = self._questions.pop(echo.number, None)
            if question is None:
                continue  # it is too late
            if echo.error is None:
                question.answered.callback(Ok(now - question.asked, question.size))
            else:
                question.answered.errback(echo.error)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        # First of all, so that nobody who learns of a failed ping asks again.
        error = reason.value or ConnectionLost()
        self._end.succeed(error)
        questions, self._questions = self._questions, {}
        for question in questions.values():
            question.answered.errback(ConnectionEnded(error))


def _noEcho(cancelled: object, seconds: float) -> Failure:
    return Failure(NoEcho(seconds))
