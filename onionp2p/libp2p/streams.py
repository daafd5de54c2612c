# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The streams of a connection: which there are, and what happens to each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory, IReactorTime
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from onionp2p.interfaces import ICircuitTransport
from onionp2p.libp2p.errors import Libp2pError, TooManyStreams
from onionp2p.libp2p.frames import Code
from onionp2p.libp2p.limits import Limits
from onionp2p.libp2p.negotiating import Choosing, Proposing
from onionp2p.libp2p.stream import Stream
from onionp2p.libp2p.turns import Turns
from onionp2p.libp2p.yamux import Session
from onionp2p.libp2p.yamuxevents import (
    Event,
    Received,
    StreamFinished,
    StreamOpened,
    StreamReset,
    WentAway,
    WindowOpened,
)

__all__ = ["Streams"]


class Streams:
    """
    Carries streams on a connection (see L{onionp2p.libp2p.carrier.Carrier}).

    @ivar turns: what it writes; to be registered as the producer of the connection's transport.
    @ivar changed: called when there is one more or less, or none are to come any more.
    """

    def __init__(
        self,
        clock: IReactorTime,
        handlers: Mapping[str, IProtocolFactory],
        limits: Limits,
        *,
        dialer: bool,
        host: IAddress,
        peer: IAddress,
        circuit: ICircuitTransport | None,
        write: Callable[[bytes], object],
        failed: Callable[[Libp2pError], object],
    ) -> None:
        """
        @param handlers: what builds the protocols of streams that the peer opens, by their names.
        @param dialer: whether we made the connection.
        @param circuit: see L{onionp2p.libp2p.carrier.Carrier}.
        @param write: takes what is to be sent.
        @param failed: is told if the connection has to end.
        """
        self.clock = clock
        self.limits = limits
        self.host = host
        self.peer = peer
        self.circuit = circuit
        self.session = Session(
            dialer=dialer, inboundLimit=limits.inboundStreams, window=limits.window
        )
        self.turns = Turns(clock, self.session, write, failed, limits.unreadAnswers)
        self.changed: Callable[[], object] = bool
        self._handlers = handlers
        self._streams: dict[int, Stream] = {}
        self._negotiations = 0
        self._lost = False

    def __len__(self) -> int:
        return len(self._streams)

    @property
    def unread(self) -> int:
        """
        How many bytes have come for protocols that don't read.
        """
        return sum(stream.unread for stream in self._streams.values())

    def open(self, name: str, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        Speak a protocol with the peer; see L{onionp2p.libp2p.connection.Connection.openStream}.
        """
        proposing = Proposing(self.clock, name, factory, self.limits.negotiation)
        try:
            number = self.session.open()
        except TooManyStreams as error:
            return fail(error)
        self._add(number, proposing)
        return proposing.result

    def receive(self, data: bytes) -> None:
        """
        Take bytes of the peer, decrypted.  What comes with something that ends the connection is
        dropped: nobody would tell a stream begun by it of its end.

        @raise YamuxError: the peer broke a rule; nothing more may be passed in.
        """
        self.turns.hold()
        for event in self.session.receive(data):
            if self._lost:
                return
            self._dispatch(event)
        self.turns.run()

    def lose(self, reason: Failure, code: Code) -> bytes:
        """
        End all streams.

        @return: what the peer is to be told of it.
        """
        self._lost = True
        self.turns.close()
        for stream in list(self._streams.values()):
            stream.lost(reason)
        if not self.session.left:
            self.session.goAway(code)
        return self.session.takeOutput()

    # What streams need.

    def wantsToWrite(self, stream: Stream) -> None:
        """
        Call a stream's C{doWriting} in its turn.
        """
        self.turns.add(stream)

    def flushSoon(self) -> None:
        """
        Send what the session has to send.
        """
        self.turns.soon()

    def forget(self, stream: Stream) -> None:
        """
        A stream is over.
        """
        self._streams.pop(stream.number, None)
        self.session.forget(stream.number)
        self.turns.remove(stream)
        self.changed()

    def _dispatch(self, event: Event) -> None:
        stream = self._streams.get(event.stream)
        match event:
            case StreamOpened():
                self._accept(event.stream)
            case Received(data=data) if stream is not None:
                stream.received(data)
            case WindowOpened() if stream is not None:
                stream.roomCame()
            case StreamFinished() if stream is not None:
                stream.peerFinished()
            case StreamReset() if stream is not None:
                stream.resetByPeer()
            case WentAway():
                self.changed()
            case _:
                # It comes too late: something that came with it has ended the stream.
                pass

    def _accept(self, number: int) -> None:
        if self._negotiations >= self.limits.pendingNegotiations:
            self.session.reset(number)
            self.session.forget(number)
            return
        self._negotiations += 1
        self._add(
            number, Choosing(self.clock, self._handlers, self.limits.negotiation, self._agreed)
        )

    def _agreed(self) -> None:
        self._negotiations -= 1

    def _add(self, number: int, protocol: Protocol) -> None:
        stream = Stream(self, number, protocol)
        self._streams[number] = stream
        self.changed()
        protocol.makeConnection(stream)
