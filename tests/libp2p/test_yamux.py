# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Streams on one connection: what each end says, and what a peer may not.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionp2p.libp2p import Limits, frames
from onionp2p.libp2p.errors import TooManyStreams, YamuxError
from onionp2p.libp2p.frames import Code, Flags, Kind
from onionp2p.libp2p.windows import INITIAL_WINDOW
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

SYN, ACK, FIN, RST, NONE = Flags.SYN, Flags.ACK, Flags.FIN, Flags.RST, Flags.NONE


def frame(kind: Kind, flags: int, stream: int, length: int, body: bytes = b"") -> bytes:
    """Write a frame."""
    return frames.encode(kind, flags, stream, length) + body


def data(stream: int, body: bytes, flags: int = 0) -> bytes:
    """Write a frame of data."""
    return frame(Kind.DATA, flags, stream, len(body), body)


def exchange(one: Session, other: Session) -> tuple[list[Event], list[Event]]:
    """Carry all there is to carry, and give what it meant to each."""
    toOne: list[Event] = []
    toOther: list[Event] = []
    while True:
        forth, back = one.takeOutput(), other.takeOutput()
        if not forth and not back:
            return toOne, toOther
        toOther += other.receive(forth)
        toOne += one.receive(back)


def pair(**options: int) -> tuple[Session, Session]:
    """Make both ends of a connection."""
    return Session(dialer=True, **options), Session(dialer=False, **options)


def test_bytesOnTheWire() -> None:
    """
    A stream's first frame opens it, the first answer accepts it; an end's numbers are odd or even.
    """
    dialer, listener = pair()
    assert (dialer.open(), dialer.open(), listener.open()) == (1, 3, 2)
    dialer.send(1, b"hello")
    written = dialer.takeOutput()
    assert written == bytes.fromhex("00 00 0001 00000001 00000005") + b"hello"
    assert listener.receive(written) == [StreamOpened(1), Received(1, b"hello")]
    listener.send(1, b"hi")
    written = listener.takeOutput()
    assert written == bytes.fromhex("00 00 0002 00000001 00000002") + b"hi"
    assert dialer.receive(written) == [Received(1, b"hi")]
    dialer.finish(1)
    written = dialer.takeOutput()
    assert written == bytes.fromhex("00 01 0004 00000001 00000000")
    assert listener.receive(written) == [StreamFinished(1)]
    listener.reset(1)
    assert listener.takeOutput() == bytes.fromhex("00 01 0008 00000001 00000000")


def test_halfClose() -> None:
    """
    Who sends no more may still receive; when neither sends, the stream is over.
    """
    dialer, listener = pair()
    stream = dialer.open()
    dialer.finish(stream)
    assert exchange(dialer, listener) == ([], [StreamOpened(1), StreamFinished(1)])
    listener.send(stream, b"late")
    listener.finish(stream)
    assert not listener.alive(stream)
    assert exchange(dialer, listener) == ([Received(1, b"late"), StreamFinished(1)], [])
    assert (dialer.streams, listener.streams) == (0, 0)


def test_window() -> None:
    """
    An end sends no more than there is room for, and more once enough was read.
    """
    dialer, listener = pair()
    stream = dialer.open()
    dialer.send(stream, bytes(INITIAL_WINDOW))
    assert dialer.room(stream) == 0
    with pytest.raises(ValueError, match="no room"):
        dialer.send(stream, b"x")
    exchange(dialer, listener)
    listener.consumed(stream, INITIAL_WINDOW // 2 - 1)
    assert exchange(dialer, listener) == ([], [])
    listener.consumed(stream, 1)
    assert exchange(dialer, listener) == ([WindowOpened(1)], [])
    assert dialer.room(stream) == INITIAL_WINDOW // 2


def test_largerWindow() -> None:
    """
    Who gives more room says so as it opens or accepts a stream.
    """
    dialer, listener = pair(window=INITIAL_WINDOW * 4)
    first, second = dialer.open(), listener.open()
    exchange(dialer, listener)
    for stream in (first, second):
        for end in (dialer, listener):
            assert end.room(stream) == INITIAL_WINDOW * 4
            end.send(stream, bytes(INITIAL_WINDOW * 4))
    exchange(dialer, listener)


@pytest.mark.parametrize("window", [INITIAL_WINDOW - 1, 1 << 32])
def test_impossibleWindows(window: int) -> None:
    """
    A window can't be smaller than what the peer takes for granted, nor larger than can be said.
    """
    with pytest.raises(ValueError, match="a window has"):
        Limits(window=window)


def test_windowOfAStreamThatIsOver() -> None:
    """
    Reading the last of a stream says nothing to the peer, who sends no more.
    """
    dialer, listener = pair()
    stream = dialer.open()
    dialer.send(stream, bytes(INITIAL_WINDOW))
    dialer.finish(stream)
    exchange(dialer, listener)
    listener.consumed(stream, INITIAL_WINDOW)
    assert listener.takeOutput() == b""
    listener.reset(stream)
    listener.takeOutput()
    listener.consumed(stream, INITIAL_WINDOW)
    assert listener.takeOutput() == b""


def test_ping() -> None:
    """
    A ping is answered with its own number; an answer is none to us, who never ask.
    """
    session = Session(dialer=True)
    assert session.receive(frame(Kind.PING, SYN, 0, 0xDEADBEEF)) == []
    assert session.takeOutput() == frame(Kind.PING, ACK, 0, 0xDEADBEEF)
    assert session.receive(frame(Kind.PING, ACK, 0, 1)) == []
    assert session.takeOutput() == b""


def test_goAway() -> None:
    """
    Who goes away takes no new streams and opens none, and goes on with those there are.
    """
    dialer, listener = pair()
    old = dialer.open()
    dialer.send(old, b"x")
    exchange(dialer, listener)
    listener.goAway(Code.NORMAL)
    listener.goAway(Code.INTERNAL_ERROR)  # it went already
    assert listener.takeOutput() == bytes.fromhex("00 03 0000 00000000 00000000")
    # A stream that the dialer opened before it heard.
    late = dialer.open()
    dialer.send(late, b"y")
    assert listener.receive(dialer.takeOutput()) == []
    assert dialer.receive(frame(Kind.GO_AWAY, NONE, 0, 0) + listener.takeOutput()) == [
        WentAway(0, 0),
        StreamReset(late),
    ]
    with pytest.raises(TooManyStreams, match="no new ones"):
        dialer.open()
    listener.send(old, b"z")
    assert exchange(dialer, listener) == ([Received(old, b"z")], [])


def test_resets() -> None:
    """
    A reset ends a stream at both ends, and happens once.
    """
    dialer, listener = pair()
    stream = dialer.open()
    dialer.send(stream, b"x")
    exchange(dialer, listener)
    dialer.reset(stream)
    dialer.reset(stream)
    assert exchange(dialer, listener) == ([], [StreamReset(stream)])
    assert not dialer.alive(stream)
    assert not listener.alive(stream)


def test_discarding() -> None:
    """
    Of a stream that nobody reads any more only its end is heard, and its window stays closed.
    """
    dialer, listener = pair()
    stream = dialer.open()
    dialer.send(stream, b"x")
    exchange(dialer, listener)
    listener.discard(stream)
    dialer.send(stream, bytes(dialer.room(stream)))
    dialer.finish(stream)
    assert exchange(dialer, listener) == ([], [StreamFinished(stream)])
    listener.finish(stream)
    assert exchange(dialer, listener) == ([StreamFinished(stream)], [])
    assert (dialer.streams, listener.streams) == (0, 0)


LATE = {
    "data": data(1, b"late"),
    "the most data": data(1, bytes(INITIAL_WINDOW)),
    "a window": frame(Kind.WINDOW, NONE, 1, 5),
    "the end": data(1, b"", FIN),
    "the end after data": data(1, b"late", FIN),
    "a reset": frame(Kind.WINDOW, RST, 1, 0),
    "an acceptance": frame(Kind.WINDOW, ACK, 1, 0),
}


@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
@pytest.mark.parametrize("ours", [True, False])
def test_lateFrames(late: bytes, ours: bool) -> None:
    """
    Frames that were on their way when their stream died are skipped; what follows is not.
    """
    session = Session(dialer=ours)
    if ours:
        session.open()
    else:
        session.receive(data(1, b"", SYN))
    session.reset(1)
    session.takeOutput()
    assert session.receive(late + frame(Kind.PING, SYN, 0, 7)) == []
    assert session.takeOutput() == frame(Kind.PING, ACK, 0, 7)


def test_endlessStreams() -> None:
    """
    Streams beyond the limit are reset, at the cost of a frame each, and others go on; there is room
    again when one is over and forgotten.
    """
    listener = Session(dialer=False, inboundLimit=3)
    events = []
    for number in range(1, 2001, 2):
        events += listener.receive(data(number, b"x", SYN))
    assert [event.stream for event in events if isinstance(event, StreamOpened)] == [1, 3, 5]
    assert len(events) == 6
    assert listener.takeOutput() == b"".join(
        frame(Kind.WINDOW, RST, number, 0) for number in range(7, 2001, 2)
    )
    listener.reset(3)
    listener.takeOutput()
    assert listener.receive(data(2001, b"", SYN)) == []
    assert listener.takeOutput() == frame(Kind.WINDOW, RST, 2001, 0)
    listener.forget(3)
    assert StreamOpened(2003) in listener.receive(data(2003, b"", SYN))


def test_unacceptedStreams() -> None:
    """
    We open at most 256 streams that the peer has not accepted; one it accepts makes room for one.
    """
    dialer = Session(dialer=True)
    for _ in range(256):
        dialer.open()
    with pytest.raises(TooManyStreams, match="256"):
        dialer.open()
    dialer.receive(frame(Kind.WINDOW, ACK, 5, 0))
    assert dialer.open() == 513
    with pytest.raises(TooManyStreams, match="256"):
        dialer.open()


def test_numbersRunOut() -> None:
    """
    When all numbers were used, there are no more streams.
    """
    dialer = Session(dialer=True)
    dialer._nextStream = 2**32 - 1
    assert dialer.open() == 2**32 - 1
    dialer.reset(2**32 - 1)
    with pytest.raises(TooManyStreams):
        dialer.open()


OPENED = data(1, b"x", SYN)
LIES = {
    "another version": b"\x01" + bytes(11),
    "an unknown kind": b"\x00\x04" + bytes(10),
    "unknown flags": frame(Kind.DATA, 16, 1, 0),
    "data of no stream": data(0, b""),
    "a ping of a stream": frame(Kind.PING, SYN, 1, 0),
    "a ping that is neither": frame(Kind.PING, NONE, 0, 0),
    "a ping that is both": frame(Kind.PING, SYN | ACK, 0, 0),
    "our own number": data(2, b"", SYN),
    "a number twice": OPENED + OPENED,
    "data of no stream ever": data(1, b"x"),
    "an end of no stream ever": data(5, b"", FIN),
    "a window of a stream of ours that never was": frame(Kind.WINDOW, NONE, 2, 1),
    "more than the window": frame(Kind.DATA, SYN, 1, INITIAL_WINDOW + 1),
    "more than is left of it": OPENED + frame(Kind.DATA, NONE, 1, INITIAL_WINDOW),
    "too much at the end": OPENED + frame(Kind.DATA, FIN, 1, 0xFFFFFFFF),
    "too much for a dead stream": OPENED
    + frame(Kind.WINDOW, RST, 1, 0)
    + frame(Kind.DATA, NONE, 1, INITIAL_WINDOW + 1),
    "a window beyond measure": OPENED + frame(Kind.WINDOW, NONE, 1, 0xFFFFFFFF),
    "data after the end": data(1, b"x", SYN | FIN) + data(1, b"y"),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_lies(lie: bytes) -> None:
    """
    A peer that breaks a rule is told from one that is late; before its bytes have come.
    """
    with pytest.raises(YamuxError):
        Session(dialer=False).receive(lie)


def test_allOfAWindow() -> None:
    """
    All that was granted may be used, no byte more.
    """
    listener = Session(dialer=False)
    listener.receive(data(1, bytes(INITIAL_WINDOW), SYN))
    listener.consumed(1, INITIAL_WINDOW)
    listener.receive(data(1, bytes(INITIAL_WINDOW)))
    with pytest.raises(YamuxError, match="window"):
        listener.receive(frame(Kind.DATA, NONE, 1, 1))


@given(
    cut=st.integers(1, 40),
    bodies=st.lists(st.tuples(st.sampled_from([1, 3, 5]), st.binary(max_size=50)), max_size=20),
)
def test_anyPieces(cut: int, bodies: list[tuple[int, bytes]]) -> None:
    """
    It makes no difference in which pieces frames come.
    """
    dialer, listener = pair()
    for _ in range(3):
        dialer.open()
    for stream, body in bodies:
        dialer.send(stream, body)
    for stream in {stream for stream, _ in bodies}:
        dialer.finish(stream)
    written = dialer.takeOutput()
    events = [
        event
        for start in range(0, len(written), cut)
        for event in listener.receive(written[start : start + cut])
    ]
    for stream in (1, 3, 5):
        got = b"".join(
            event.data for event in events if isinstance(event, Received) and event.stream == stream
        )
        assert got == b"".join(body for number, body in bodies if number == stream)
    assert sum(isinstance(event, StreamFinished) for event in events) == len(dict(bodies))


@given(received=st.binary(max_size=200))
def test_anything(received: bytes) -> None:
    """
    Any bytes give events or an error of ours.
    """
    for dialer in (True, False):
        try:
            Session(dialer=dialer).receive(received)
        except YamuxError:
            continue
