# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The two ends of a connection that is carried from one transport to another.

Theory of operation.  Each end is the producer of the other one's transport: what a slow reader does
not take stays with the sender, and at most some 128 KiB of each direction are here.

An end of file is passed on alone where the other transport can, so that who has asked and says no
more still gets his answer.  Tor has no such thing.  There, the end that has nothing more to say is
given its answer for as long as one comes, and the connection is ended after ten seconds of
silence: nobody can tell a TCP peer that only listens from one that has gone.  Of a UNIX socket,
everybody can.

A transport is closed by an end of file, and then what still comes is read and dropped until its
peer closes too: a socket that is closed with unread bytes in it is reset, and so would be the
last bytes that were written to it.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from enum import Enum
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IDelayedCall, IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure
from zope.interface import implementer

from onionp2p.transport import isOnion

__all__ = ["End", "join"]

_SECONDS_OF_SILENCE = 10.0
_SECONDS_TO_LINGER = 5.0


class _Writing(Enum):
    """
    What is with the direction to the peer.
    """

    OPEN = "more may come"
    ENDING = "what is left is being written"
    ENDED = "the peer knows that it was all"


@implementer(IHalfCloseableProtocol, IPushProducer)
class End(Protocol):
    """
    One end.

    @ivar received: how many bytes its peer has sent.
    @ivar isSilent: whether its peer has said that no more comes.
    @ivar isLost: whether the connection to the peer is no more.
    """

    transport: Any = None

    def __init__(self, reactor: Any, made: Callable[[], None], ended: Callable[[], None]) -> None:
        """
        @param made: called when the connection to the peer is made.
        @param ended: called when it is lost.
        """
        self.received = 0
        self._reactor = reactor
        self._made = made
        self._ended = ended
        self._other: End | None = None
        self._write: Callable[[bytes], None] = _drop
        self.isSilent = False
        self.isLost = False
        self._writing = _Writing.OPEN
        self._deadline: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self._made()

    def dataReceived(self, data: bytes) -> None:
        self.received += len(data)
        self._write(data)

    def readConnectionLost(self) -> None:
        """
        The peer says no more.
        """
        self.isSilent = True
        other = self._other
        if other is None or other.isSilent or not self._mayListen():
            self._closeBoth()
            return
        other.transport.unregisterProducer()
        if other.halfCloses:
            other.endWriting()
        else:
            other.closeWhenSilent()

    def writeConnectionLost(self) -> None:
        """
        All that was written has been sent, and the peer knows that it was all.
        """
        self._writing = _Writing.ENDED
        if self._other is None:
            self._linger()

    def endWriting(self) -> None:
        """
        Send what is left, and tell the peer that it was all.
        """
        if self._writing is _Writing.OPEN:  # to do it twice would be an error of the socket's
            self._writing = _Writing.ENDING
            self.transport.loseWriteConnection()

    def _linger(self) -> None:
        self._deadline = self._reactor.callLater(_SECONDS_TO_LINGER, self.abort)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self.isLost = True
        other, self._other = self._other, None
        if other is not None and reason.check(ConnectionDone):
            other.close()
        elif other is not None:
            other.abort()
        self._ended()

    def _mayListen(self) -> bool:
        """
        Whether the peer, which says no more, may still be there, as far as the system can tell.
        """
        try:
            descriptor = self.transport.fileno()
        except AttributeError:
            return True
        if not isinstance(descriptor, int) or descriptor < 0:
            return True
        poll = select.poll()
        poll.register(descriptor, 0)
        return not any(events & select.POLLHUP for _, events in poll.poll(0))

    @property
    def halfCloses(self) -> bool:
        """
        Whether this end can tell its peer that no more comes, and still be told.
        """
        transport = self.transport
        # TLS, and what else is wrapped around a transport, passes on methods that are not its own.
        return (
            not isOnion(transport)
            and not isinstance(transport, ProtocolWrapper)
            and hasattr(transport, "loseWriteConnection")
        )

    def closeWhenSilent(self) -> None:
        """
        Close once nothing has come from the peer for a while.
        """
        silence = self._reactor.callLater(_SECONDS_OF_SILENCE, self._closeBoth)
        write = self._write

        def writeOn(data: bytes) -> None:
            if silence.active():
                silence.reset(_SECONDS_OF_SILENCE)
            write(data)

        self._write, self._deadline = writeOn, silence

    def pauseProducing(self) -> None:
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """
        Do nothing: the other end's connection is lost, of which it tells by itself, and a transport
        would close at once here, with bytes in it that are not read.
        """

    def _closeBoth(self) -> None:
        other = self._other
        self.close()
        if other is not None:
            other.close()

    def close(self) -> None:
        """
        Send what is left, then close.
        """
        self._part()
        if self.isLost:
            return
        if self.isSilent or not self.halfCloses:
            self.transport.loseConnection()
            return
        self.endWriting()
        self.transport.resumeProducing()
        if self._writing is _Writing.ENDED and self._deadline is None:
            self._linger()

    def abort(self) -> None:
        """
        Close at once, and let the peer see that it was no good end, where the transport can.
        """
        self._part()
        getattr(self.transport, "abortConnection", self.transport.loseConnection)()

    def _part(self) -> None:
        """
        Have nothing to do with the other end any more.
        """
        self._other = None
        self._write = _drop
        if not self.isLost:
            self.transport.unregisterProducer()


def join(one: End, other: End) -> None:
    """
    Carry what comes at either end to the other.  Both are connected.
    """
    for here, there in ((one, other), (other, one)):
        here._other = there  # noqa: SLF001 - this module's own
        here._write = there.transport.write  # noqa: SLF001
        here.transport.registerProducer(there, streaming=True)


def _drop(data: bytes) -> None:
    """
    There is nobody to take it.
    """
