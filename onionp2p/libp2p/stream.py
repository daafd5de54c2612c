# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What a protocol on a stream sees: a transport, as TCP's.

Theory of operation.  A stream is one of Twisted's C{FileDescriptor}s whose file is a stream of
yamux.  So writing, producers, consumers and the ways to close are Twisted's own, and behave as they
do on TCP.  The connection takes the reactor's place: it calls C{doWrite} in turn of those that want
to write and for which the peer has room.

What was received is delivered at once, or while reading is paused kept, of which the peer's window
is the limit: only what was delivered opens it again.

A stream ends cleanly for its protocol once all is written, and then lingers: closing it at once
could cost the peer what it has not read.  What the peer still sends is dropped.  When the peer has
sent its last, a protocol that knows nothing of half-closed connections loses its transport, as on
TCP; but what it had written by then still goes out.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.abstract import FileDescriptor
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import (
    IAddress,
    IHalfCloseableProtocol,
    IProtocol,
    ITCPTransport,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import alsoProvides, implementer

from onionp2p.interfaces import ICircuitTransport
from onionp2p.libp2p.carrier import Carrier
from onionp2p.libp2p.errors import StreamReset
from onionp2p.libp2p.inbox import Inbox
from onionp2p.waiting.timer import Timer

__all__ = ["LONGEST_FRAME", "Stream"]

LONGEST_FRAME = 32 * 1024
"""Bytes that a stream sends in its turn."""


@implementer(ITCPTransport)
class Stream(FileDescriptor):
    """
    The transport of one protocol on a connection.

    @ivar number: yamux's number of it.
    @ivar protocol: whose transport it is; may be replaced.
    @ivar whenEnded: called once the protocol has lost it.
    @ivar closeCircuit: ends the circuit that the connection came by, and with it all of its
        streams; only where that is known (L{ICircuitTransport}).
    """

    _log = Logger()

    def __init__(self, carrier: Carrier, number: int, protocol: IProtocol) -> None:
        super().__init__(carrier.clock)  # type: ignore[arg-type]  # it is asked for delayed calls
        self._carrier = carrier
        self._session = carrier.session
        self.number = number
        self.protocol = protocol
        self.whenEnded: Callable[[], object] = bool
        self.connected = 1
        self._inbox = Inbox(carrier.clock, self._deliver, self._delivered, self._allRead)
        self._writes = False
        self._aborts = False
        self._told = False
        self._deadline = Timer(carrier.clock)
        if carrier.circuit is not None:
            self.closeCircuit = carrier.circuit.closeCircuit
            alsoProvides(self, ICircuitTransport)

    # For the connection.

    @property
    def unread(self) -> int:
        """
        How many bytes have come and were not delivered.
        """
        return len(self._inbox)

    @property
    def blocked(self) -> bool:
        """
        Whether there are bytes to send for which the peer has no room.
        """
        unsent = len(self.dataBuffer) - self.offset + self._tempDataLen
        return unsent > 0 and self._session.room(self.number) == 0

    @property
    def writes(self) -> bool:
        """
        Whether there is something to send.
        """
        return self._writes

    def received(self, data: bytes) -> None:
        """
        Data has come.
        """
        self._inbox.add(data)

    def peerFinished(self) -> None:
        """
        The peer sends no more.
        """
        if self.disconnected:
            self._over()
        else:
            self._inbox.end()

    def resetByPeer(self) -> None:
        """
        The peer ended the stream at once.
        """
        self.lost(Failure(StreamReset()))

    def lost(self, reason: Failure) -> None:
        """
        There is no stream any more.
        """
        self._session.reset(self.number)
        if self.disconnected:
            self._over()
        else:
            self.connectionLost(reason)

    def roomCame(self) -> None:
        """
        The peer has room again.
        """
        if self._writes:
            self._carrier.wantsToWrite(self)

    def doWriting(self) -> None:
        """
        Send a piece, now that it is our turn.
        """
        reason = self._guarded(self.doWrite)
        if isinstance(reason, Exception):
            self.connectionLost(Failure(reason))

    # For the negotiation.

    def putBack(self, data: bytes) -> None:
        """
        Deliver the rest of what is just being delivered to the protocol that comes next.
        """
        self._inbox.putBack(data)

    # Reading.

    def startReading(self) -> None:
        self._inbox.start()

    def stopReading(self) -> None:
        self._inbox.stop()

    def _deliver(self, data: bytes) -> None:
        self._guarded(self.protocol.dataReceived, data)

    def _delivered(self, count: int) -> None:
        self._session.consumed(self.number, count)
        self._carrier.flushSoon()

    def _allRead(self) -> None:
        self.readConnectionLost(Failure(ConnectionDone()))

    def _guarded(self, method: Callable[..., object], *arguments: object) -> object:
        """
        What goes wrong in a protocol is the end of its stream, and of no other.
        """
        try:
            return method(*arguments)
        except Exception:  # noqa: BLE001 - any is logged
            failure = Failure()
            self._log.failure("a protocol on a stream failed", failure)
            self.connectionLost(failure)
            return None

    def readConnectionLost(self, reason: Failure) -> None:
        if IHalfCloseableProtocol.providedBy(self.protocol):
            self._guarded(IHalfCloseableProtocol(self.protocol).readConnectionLost)
        elif not self._writes or self._writeDisconnected:
            self.connectionLost(reason)
        else:
            self._flushWithout(reason)

    # Writing.

    def startWriting(self) -> None:
        if not self.disconnected and not self._aborts:
            self._writes = True
            self._carrier.wantsToWrite(self)

    def stopWriting(self) -> None:
        self._writes = False

    def writeSomeData(self, data: bytes) -> int:
        count = min(len(data), LONGEST_FRAME, self._session.room(self.number))
        if count:
            self._session.send(self.number, data[:count])
            self._deadline.putOff(self._carrier.limits.linger)
        return count

    def _closeWriteConnection(self) -> None:
        self._session.finish(self.number)
        if IHalfCloseableProtocol.providedBy(self.protocol):
            self._guarded(IHalfCloseableProtocol(self.protocol).writeConnectionLost)

    # Closing.

    def abortConnection(self) -> None:
        """
        End the stream at once, and drop what was not sent.
        """
        if self.disconnected or self._aborts:
            return
        self._aborts = True
        self.stopReading()
        self.stopWriting()
        self._carrier.clock.callLater(0, self.connectionLost, Failure(ConnectionAborted()))

    def connectionLost(self, reason: Failure) -> None:
        if self.disconnected:
            return
        super().connectionLost(reason)  # type: ignore[no-untyped-call]
        self._inbox.clear()
        self._deadline.cancel()
        if not reason.check(ConnectionDone):
            self._session.reset(self.number)
        elif self._session.alive(self.number) and not self._writeDisconnected:
            self._session.finish(self.number)
        self._carrier.flushSoon()
        self._tell(reason)
        if self._session.alive(self.number):
            self._session.discard(self.number)
            self._linger()
        else:
            self._over()

    def _over(self) -> None:
        self._deadline.cancel()
        self._carrier.forget(self)

    def _flushWithout(self, reason: Failure) -> None:
        """
        The protocol has lost its transport; what it has written still goes out.
        """
        self.connected, self.disconnecting = 0, 1
        producer, self.producer = self.producer, None
        if producer is not None:
            producer.stopProducing()
        self._linger()
        self._tell(reason)

    def _tell(self, reason: Failure) -> None:
        if self._told:
            return
        self._told = True
        try:
            self.protocol.connectionLost(reason)
        except Exception:  # noqa: BLE001 - any is logged
            self._log.failure("a protocol failed as its stream ended")
        self.whenEnded()

    def _linger(self) -> None:
        self._deadline.start(self._carrier.limits.linger, self._lingeredTooLong)

    def _lingeredTooLong(self) -> None:
        self.lost(Failure(ConnectionAborted()))
        self._carrier.flushSoon()

    # What else transports have.

    def getHost(self) -> IAddress:  # type: ignore[override]  # of TCP it is no address
        return self._carrier.host

    def getPeer(self) -> IAddress:  # type: ignore[override]
        return self._carrier.peer

    def logPrefix(self) -> str:
        return f"libp2p,{self.number}"

    def getTcpNoDelay(self) -> bool:
        return True

    def setTcpNoDelay(self, enabled: bool) -> None:
        """
        Do nothing: nothing is delayed.
        """

    def getTcpKeepAlive(self) -> bool:
        return False

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """
        Do nothing: it is the connection's.
        """
