# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
yamux (libp2p specs, C{yamux/README.md}): many streams on one connection.

Sans-I/O.  Theory of operation.  L{Session.receive} takes what the peer sent and gives L{Event}s;
the other methods are what the application wants; both leave frames to be sent in
L{Session.takeOutput}.  The session holds no data: received data goes out with its event, as it
comes, and data to be sent comes in when the peer has room for it.  So what a peer can make anybody
hold is what the windows of its streams allow, and who reads a stream opens its window again by
L{Session.consumed}.

That streams begin and are accepted (SYN, ACK) is said in their first frames of any kind.  Frames of
streams that are dead already are normal: they were on their way.
"""

from __future__ import annotations

from onionp2p.libp2p import frames
from onionp2p.libp2p.errors import TooManyStreams, YamuxError
from onionp2p.libp2p.frames import Code, Flags, FrameReader, Header, Kind
from onionp2p.libp2p.windows import INITIAL_WINDOW, StreamState
from onionp2p.libp2p.yamuxevents import (
    Event,
    Received,
    StreamFinished,
    StreamOpened,
    StreamReset,
    WentAway,
    WindowOpened,
)

__all__ = ["Session"]

_LAST_STREAM = (1 << 32) - 1
_UNACCEPTED_LIMIT = 256
"""Streams that we open and the peer has not yet accepted ("ACK backlog")."""


class Session:
    """
    One end of a connection's streams.
    """

    def __init__(
        self, *, dialer: bool, inboundLimit: int = 256, window: int = INITIAL_WINDOW
    ) -> None:
        """
        @param dialer: whether we made the connection.
        @param inboundLimit: streams that the peer may have open at one time; more are reset.
        @param window: bytes that the peer may send on a stream before they are read; at least
            L{INITIAL_WINDOW}.
        """
        self._window = window
        self._inboundLimit = inboundLimit
        self._streams: dict[int, StreamState] = {}
        self._ended: set[int] = set()
        self._parity = 1 if dialer else 0
        self._nextStream = 1 if dialer else 2
        self._highestOfPeer = 0
        self._leaving = self._peerLeaves = False
        self._output = bytearray()
        self._reader = FrameReader()

    # What the application wants.

    @property
    def streams(self) -> int:
        """
        How many streams there are.
        """
        return len(self._streams)

    @property
    def left(self) -> bool:
        """
        Whether the peer takes no new streams.
        """
        return self._peerLeaves

    @property
    def pending(self) -> int:
        """
        How many bytes there are in the output.
        """
        return len(self._output)

    def takeOutput(self) -> bytes:
        """
        Give what is to be sent now, and forget it.
        """
        output, self._output = self._output, bytearray()
        return bytes(output)

    def open(self) -> int:
        """
        Open a stream.

        @return: its number.

        @raise TooManyStreams: if the peer has too many to accept already, or goes away.
        """
        ours = [self._streams[each] for each in self._streams if each % 2 == self._parity]
        if sum(not stream.accepted for stream in ours) >= _UNACCEPTED_LIMIT:
            raise TooManyStreams(f"{_UNACCEPTED_LIMIT} are not accepted yet.")
        if self._peerLeaves or self._nextStream > _LAST_STREAM:
            raise TooManyStreams("The peer takes no new ones.")
        number = self._nextStream
        self._nextStream += 2
        self._add(number, Flags.SYN)
        return number

    def room(self, stream: int) -> int:
        """
        Give how many bytes the peer has room for.
        """
        return self._streams[stream].room

    def send(self, stream: int, data: bytes | memoryview) -> None:
        """
        Send data, for which there is L{room}.
        """
        state = self._streams[stream]
        if len(data) > state.room or state.finished:
            raise ValueError("there is no room for this")
        state.room -= len(data)
        self._say(Kind.DATA, stream, len(data))
        self._output += data

    def consumed(self, stream: int, count: int) -> None:
        """
        Say that received bytes were read.  Does nothing for a stream that is gone.
        """
        state = self._streams.get(stream)
        if state is not None:
            self._grant(stream, state.read(count))

    def finish(self, stream: int) -> None:
        """
        Send no more on a stream.
        """
        state = self._streams[stream]
        self._say(Kind.WINDOW, stream, 0, Flags.FIN)
        state.finished = True
        self._removeIfOver(stream)

    def discard(self, stream: int) -> None:
        """
        Want no more data of a stream.  What the peer still sends is dropped, and nothing more
        granted.
        """
        self._streams[stream].discards = True

    def reset(self, stream: int) -> None:
        """
        End a stream at once.  Does nothing for one that is gone.
        """
        if stream in self._streams:
            self._say(Kind.WINDOW, stream, 0, Flags.RST)
            self._remove(stream)

    def forget(self, stream: int) -> None:
        """
        Have nothing more to do with a stream that is gone.  Until then what came on it may still be
        to be read; so it counts as one of the peer's, and its number is not free for another.
        """
        self._ended.discard(stream)

    def alive(self, stream: int) -> bool:
        """
        Whether a stream is not over yet.
        """
        return stream in self._streams

    def goAway(self, code: Code) -> None:
        """
        Take no new streams.
        """
        if not self._leaving:
            self._leaving = True
            self._output += frames.encode(Kind.GO_AWAY, Flags.NONE, 0, code)

    # What the peer sends.

    def receive(self, data: bytes) -> list[Event]:
        """
        Take bytes of the peer, in pieces of any size.

        @raise YamuxError: the peer broke a rule; nothing more may be passed in.
        """
        events: list[Event] = []
        for header, body in self._reader.read(data):
            if body is not None:
                self._receiveBody(header, body, events)
            elif header.kind == Kind.PING:
                self._receivePing(header)
            elif header.kind == Kind.GO_AWAY:
                self._peerLeaves = True
                events.append(WentAway(0, header.length))
            else:
                self._receiveHeader(header, events)
        return events

    def _receiveBody(self, header: Header, body: bytes, events: list[Event]) -> None:
        state = self._streams.get(header.stream)
        if state is not None and body and not state.discards:
            events.append(Received(header.stream, body))
        if header.flags & Flags.FIN and not self._reader.remaining:
            self._finishOfPeer(header.stream, events)

    def _receivePing(self, header: Header) -> None:
        if header.flags == Flags.SYN:
            self._output += frames.encode(Kind.PING, Flags.ACK, 0, header.length)
        elif header.flags != Flags.ACK:
            raise YamuxError(f"A ping has the flags {header.flags:#x}.")

    def _receiveHeader(self, header: Header, events: list[Event]) -> None:
        stream, flags = header.stream, header.flags
        if flags & Flags.SYN:
            self._accept(stream, events)
        state = self._streams.get(stream)
        if state is None:
            self._checkExisted(stream)
        else:
            state.accepted = True
        if header.kind == Kind.DATA:
            self._expectBody(header, state)
        elif state is not None and state.widen(header.length):
            events.append(WindowOpened(stream))
        if flags & Flags.RST:
            self._resetByPeer(stream, events)
        elif flags & Flags.FIN and header.kind == Kind.WINDOW:
            self._finishOfPeer(stream, events)

    def _accept(self, stream: int, events: list[Event]) -> None:
        if stream % 2 == self._parity or stream in self._streams or stream in self._ended:
            raise YamuxError("The peer opened a stream by a number that it may not use.")
        self._highestOfPeer = max(self._highestOfPeer, stream)
        theirs = sum(each % 2 != self._parity for each in (*self._streams, *self._ended))
        if self._leaving or theirs >= self._inboundLimit:
            self._output += frames.encode(Kind.WINDOW, Flags.RST, stream, 0)
            return
        self._add(stream, Flags.ACK)
        events.append(StreamOpened(stream))

    def _expectBody(self, header: Header, state: StreamState | None) -> None:
        if state is None:
            # How much was granted of a dead stream is forgotten: no more than a window.
            state = StreamState(Flags.NONE, self._window, granted=self._window)
        state.take(header.length)

    def _finishOfPeer(self, stream: int, events: list[Event]) -> None:
        state = self._streams.get(stream)
        if state is None or state.peerFinished:
            return
        state.peerFinished = True
        events.append(StreamFinished(stream))
        self._removeIfOver(stream)

    def _resetByPeer(self, stream: int, events: list[Event]) -> None:
        if stream in self._streams:
            self._remove(stream)
            events.append(StreamReset(stream))

    def _checkExisted(self, stream: int) -> None:
        ours = stream % 2 == self._parity
        if stream >= self._nextStream if ours else stream > self._highestOfPeer:
            raise YamuxError("The peer sent a frame for a stream that there never was.")

    # Both.

    def _add(self, stream: int, first: Flags) -> None:
        self._streams[stream] = StreamState(first, self._window, accepted=first is Flags.ACK)
        self._grant(stream, self._window - INITIAL_WINDOW)

    def _grant(self, stream: int, count: int) -> None:
        if count:
            self._say(Kind.WINDOW, stream, count)
            self._streams[stream].grant(count)

    def _say(self, kind: Kind, stream: int, length: int, flags: Flags = Flags.NONE) -> None:
        state = self._streams[stream]
        self._output += frames.encode(kind, flags | state.first, stream, length)
        state.first = Flags.NONE

    def _removeIfOver(self, stream: int) -> None:
        if self._streams[stream].over:
            self._remove(stream)

    def _remove(self, stream: int) -> None:
        del self._streams[stream]
        self._ended.add(stream)
