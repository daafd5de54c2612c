# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What ping and echo say on the wire, without any wire: bytes in, bytes and events out.

One side asks with some bytes, the other sends the same bytes back.  A question
of libp2p's ping has 32 random bytes (libp2p specs, ping/ping.md); one of the
echo application has any number.  There is no framing: the side that asked knows
how long each echo is, and echoes come in the order of their questions.

Both codecs take bytes in chunks of any size and hold a bounded number of them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from onionp2p.ping.errors import TooManyUnanswered, WrongEcho

__all__ = ["PAYLOAD_SIZE", "UNANSWERED_LIMIT", "Echo", "InitiatorCodec", "ResponderCodec"]

PAYLOAD_SIZE = 32
"""Bytes in a ping (libp2p specs, ping/ping.md)."""

UNANSWERED_LIMIT = 64
"""Questions that may be without an answer at one time."""


class ResponderCodec:
    """
    The listener's side of ping: cuts what comes into payloads of 32 bytes.

    Holds at most 31 bytes.
    """

    def __init__(self) -> None:
        self._partial = b""

    def receive(self, data: bytes) -> bytes:
        """
        Take bytes of the peer.

        @return: the bytes to send back: whole payloads only, possibly none.
        """
        data = self._partial + data
        whole = len(data) - len(data) % PAYLOAD_SIZE
        self._partial = data[whole:]
        return data[:whole]


@dataclass(frozen=True, slots=True)
class Echo:
    """
    All bytes of an echo have come.

    @ivar number: which question it belongs to; the first is 1.
    @ivar error: L{None}, or why it is no answer.
    """

    number: int
    error: WrongEcho | None


class InitiatorCodec:
    """
    The dialer's side: tells which question was answered, and whether rightly.

    Each echo is judged by itself, so that a wrong one spoils no other.  Bytes
    that come while nothing is asked are dropped: they can't answer a later
    question, which is random.  So after a peer sent too much, the next question
    may fail, and the one after it is in step again.

    Holds at most L{UNANSWERED_LIMIT} questions, and less than one echo.
    """

    def __init__(self) -> None:
        self._unanswered: deque[tuple[int, bytes]] = deque()
        self._asked = 0
        self._echo = bytearray()

    def ask(self, payload: bytes) -> int:
        """
        Ask a question, whose bytes on the wire are C{payload} itself.

        @param payload: at least one byte.

        @return: the question's number.

        @raise TooManyUnanswered: so it must not be sent.
        """
        if not payload:
            raise ValueError("a question has at least one byte")
        if len(self._unanswered) == UNANSWERED_LIMIT:
            raise TooManyUnanswered(UNANSWERED_LIMIT)
        self._asked += 1
        self._unanswered.append((self._asked, payload))
        return self._asked

    def receive(self, data: bytes) -> list[Echo]:
        """
        Take bytes of the peer.

        @return: the echoes that they completed, in order.
        """
        echoes = []
        position = 0
        while self._unanswered and position < len(data):
            number, payload = self._unanswered[0]
            end = position + len(payload) - len(self._echo)
            self._echo += data[position:end]
            position = end
            if len(self._echo) == len(payload):
                echoes.append(Echo(number, None if self._echo == payload else WrongEcho()))
                self._unanswered.popleft()
                self._echo.clear()
        return echoes
