# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Peers that mean harm: the connection ends, or goes on within its limits.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Factory, Protocol

from onionp2p.libp2p import Limits, varint
from onionp2p.libp2p.frames import Flags, FrameReader, Header, Kind, encode
from onionp2p.libp2p.multistream import Proposer
from onionp2p.libp2p.windows import INITIAL_WINDOW
from onionp2p.testing import RecordingFactory

from .conftest import Peers, RawPeer

Connect = Callable[..., tuple[Peers, RawPeer]]

SYN, FIN, RST = Flags.SYN, Flags.FIN, Flags.RST


def proposal(name: str) -> bytes:
    """Propose a protocol."""
    return Proposer([name]).start()


def data(stream: int, body: bytes, flags: int = 0) -> bytes:
    """Write a frame of data."""
    return encode(Kind.DATA, flags, stream, len(body)) + body


def opened(stream: int, name: str) -> bytes:
    """Open a stream and propose a protocol."""
    return data(stream, proposal(name), SYN)


def heard(raw: RawPeer) -> list[tuple[Header, bytes]]:
    """Give the frames that came."""
    frames: list[tuple[Header, bytes]] = []
    for header, body in FrameReader().read(raw.heard):
        if body is None:
            frames.append((header, b""))
        else:
            frames[-1] = header, frames[-1][1] + body
    return frames


def lives(peers: Peers, raw: RawPeer) -> bool:
    """Whether the connection still answers."""
    raw.heard = b""
    raw.say(encode(Kind.PING, SYN, 0, 99))
    peers.reactor.advance(0)
    return raw.heard.endswith(encode(Kind.PING, Flags.ACK, 0, 99))


def test_streamsWithoutEnd(rawPeer: Connect) -> None:
    """
    Of ten thousand streams as many live as may; the others are reset, and the connection goes on.
    """
    peers, raw = rawPeer(Limits(inboundStreams=50, pendingNegotiations=50))
    for first in range(1, 20_001, 2000):
        raw.say(b"".join(opened(each, "/record") for each in range(first, first + 2000, 2)))
        peers.reactor.advance(0)
    assert peers.bob.streams == len(peers.recorded.protocols) == 50
    resets = [header for header, _ in heard(raw) if header.flags & RST]
    assert len(resets) == 10_000 - 50
    assert lives(peers, raw)
    for each in range(1, 101, 2):
        raw.say(encode(Kind.WINDOW, RST, each, 0))
    peers.reactor.advance(0)
    assert peers.bob.streams == 0
    raw.say(opened(20_001, "/record"))
    peers.reactor.advance(0)
    assert peers.bob.streams == 1


def test_streamsWithoutAProtocol(rawPeer: Connect) -> None:
    """
    Streams on which nothing is proposed are few, and end after a minute; then there is room
    for as many as ever.
    """
    peers, raw = rawPeer(Limits(inboundStreams=20, pendingNegotiations=10))
    raw.say(b"".join(data(each, b"", SYN) for each in range(1, 2001, 2)))
    peers.reactor.advance(0)
    assert peers.bob.streams == 10
    peers.reactor.advance(59)
    raw.say(data(1, b"\x13"))  # a byte now and then does not help
    assert peers.bob.streams == 10
    peers.reactor.advance(2)
    assert peers.bob.streams == 0
    for each in range(2001, 2041, 2):
        raw.say(opened(each, "/record"))
        peers.reactor.advance(0)
    assert len(peers.recorded.protocols) == 20
    assert lives(peers, raw)


def test_proposalsWithoutEnd(rawPeer: Connect) -> None:
    """
    Who proposes what we don't speak again and again loses the stream.
    """
    peers, raw = rawPeer()
    raw.say(opened(1, "/nothing") + data(1, b"\x02x\n" * 1000))
    peers.reactor.advance(0)
    assert heard(raw)[-1][0].flags & RST
    assert peers.bob.streams == 0
    assert lives(peers, raw)


def test_answersThatNobodyReads(rawPeer: Connect) -> None:
    """
    Who asks for answers without reading them is cut off.
    """
    peers, raw = rawPeer()
    raw.transport.stopReading()
    waiting, most = peers.bob.transport, 0
    for _ in range(1000):
        raw.say(encode(Kind.PING, SYN, 0, 1) * 1000)
        peers.reactor.advance(0)
        most = max(most, len(waiting.dataBuffer) - waiting.offset + waiting._tempDataLen)
    # What a transport takes before it pauses us, a batch, and the answers that may be unread.
    assert most <= 3 * 64 * 1024
    peers.reactor.advance(6)
    assert peers.factory.connections == set()
    raw.transport.startReading()


def test_echoesThatNobodyReads(rawPeer: Connect) -> None:
    """
    Who has data echoed without reading it is not read either.
    """
    peers, raw = rawPeer()
    raw.say(opened(1, "/echo"))
    left = INITIAL_WINDOW - len(proposal("/echo"))
    raw.say(data(1, bytes(left)))
    peers.reactor.advance(1)
    granted = [header for header, _ in heard(raw) if header.kind == Kind.WINDOW and header.length]
    total = left + sum(header.length for header in granted)
    sent = left
    while sent < total:
        raw.say(data(1, bytes(min(total - sent, 1000))))
        sent += min(total - sent, 1000)
        peers.reactor.advance(0)
        granted = [
            header for header, _ in heard(raw) if header.kind == Kind.WINDOW and header.length
        ]
        total = left + sum(header.length for header in granted)
    # What waits: our window of theirs, their window of ours, and what a transport buffers.
    assert sent <= 2 * INITIAL_WINDOW + 2 * 2**16 + 1000
    assert peers.bob.unread <= INITIAL_WINDOW
    assert lives(peers, raw)


LIES = {
    "more than the window": encode(Kind.DATA, 0, 1, INITIAL_WINDOW + 1),
    "a window beyond measure": encode(Kind.WINDOW, 0, 1, 0xFFFFFFFF) * 2,
    "a stream that there never was": data(7, b"x"),
    "one of ours that there never was": data(2, b"x"),
    "a number of ours": data(2, b"x", SYN),
    "a stream twice": opened(1, "/record"),
    "data after the end": data(1, b"", FIN) + data(1, b"x"),
    "no frame": b"\xff" * 12,
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_lies(rawPeer: Connect, lie: bytes) -> None:
    """
    Who breaks a rule is told so, and the connection ends; the protocols on it learn that something
    may be missing, and get nothing of what came with the lie.
    """
    peers, raw = rawPeer()
    raw.say(opened(1, "/record") + data(1, b"before"))
    peers.reactor.advance(0)
    (protocol,) = peers.recorded.protocols
    raw.say(data(1, b"along") + lie)
    peers.reactor.advance(0)
    assert protocol.received == b"before"
    assert protocol.lost is not None
    assert protocol.lost.check(ConnectionLost)
    assert heard(raw)[-1][0] == Header(Kind.GO_AWAY, 0, 0, 1)
    assert raw.lost is not None
    assert peers.factory.connections == set()
    assert peers.reactor.getDelayedCalls() == []


def test_granting(rawPeer: Connect) -> None:
    """
    For all that was read as much is granted and no more, whatever came in one piece with what.
    """
    peers, raw = rawPeer()
    head = proposal("/record")
    raw.say(data(1, head + bytes(INITIAL_WINDOW - len(head)), SYN))
    peers.reactor.advance(0)
    assert len(peers.recorded.protocols[0].received) == INITIAL_WINDOW - len(head)
    granted = sum(header.length for header, _ in heard(raw) if header.kind == Kind.WINDOW)
    assert INITIAL_WINDOW // 2 <= granted <= INITIAL_WINDOW


def test_endBeforeAnAgreement(rawPeer: Connect) -> None:
    """
    A stream whose opener sends no more before it has proposed anything is over at once.
    """
    peers, raw = rawPeer()
    raw.say(data(1, b"\x13", SYN | FIN))
    peers.reactor.advance(0)
    assert peers.bob.streams == 0
    assert lives(peers, raw)


def test_lateFrames(rawPeer: Connect) -> None:
    """
    What was on its way to a stream when it died is skipped.
    """
    peers, raw = rawPeer()
    raw.say(opened(1, "/record"))
    peers.reactor.advance(0)
    peers.recorded.protocols[0].transport.abortConnection()
    peers.reactor.advance(0)
    raw.say(data(1, bytes(100_000)) + encode(Kind.WINDOW, 0, 1, 5) + data(1, b"x", FIN))
    raw.say(encode(Kind.WINDOW, RST, 1, 0))
    assert lives(peers, raw)
    assert peers.recorded.protocols[0].received == b""


def test_resetsAtOnce(rawPeer: Connect) -> None:
    """
    Streams that are opened, used and reset in one breath leave nothing behind.
    """
    peers, raw = rawPeer()
    for each in range(1, 2001, 2):
        raw.say(opened(each, "/echo") + data(each, b"x") + encode(Kind.WINDOW, RST, each, 0))
    peers.reactor.advance(0)
    assert peers.bob.streams == 0
    assert lives(peers, raw)
    assert peers.reactor.getDelayedCalls() == []


def test_streamsAfterTheEnd(rawPeer: Connect) -> None:
    """
    Streams that come along with the end of the session are not begun: nobody would end them.
    """
    peers, raw = rawPeer()
    raw.say(encode(Kind.GO_AWAY, 0, 0, 0) + opened(1, "/record") + data(1, b"x"))
    peers.reactor.advance(0)
    assert raw.lost is not None
    assert peers.recorded.protocols == []
    assert peers.reactor.getDelayedCalls() == []


def test_streamsAfterOurEnd(rawPeer: Connect) -> None:
    """
    When a protocol closes the connection, what came along with its data goes to nobody.
    """
    peers, raw = rawPeer()

    class Closing(Protocol):
        def dataReceived(self, data: bytes) -> None:
            peers.bob.close()

    peers.factory.handlers["/close"] = Factory.forProtocol(Closing)
    raw.say(opened(1, "/close") + data(1, b"x") + opened(3, "/record") + data(3, b"y"))
    peers.reactor.advance(0)
    assert raw.lost is not None
    assert peers.recorded.protocols == []
    assert peers.reactor.getDelayedCalls() == []


def test_aNumberTwiceAtOnce(rawPeer: Connect) -> None:
    """
    A stream with the number of one that ended in the same breath is a lie: what comes on the two
    could not be told apart.
    """
    peers, raw = rawPeer()
    raw.say(opened(1, "/echo") + encode(Kind.WINDOW, RST, 1, 0) + opened(1, "/echo"))
    peers.reactor.advance(0)
    assert heard(raw)[-1][0] == Header(Kind.GO_AWAY, 0, 0, 1)
    assert raw.lost is not None
    assert peers.reactor.getDelayedCalls() == []


def unreadAndOver(peers: Peers, raw: RawPeer, stream: int) -> None:
    """Have a stream that both ends have finished, and of which much is unread."""
    raw.say(opened(stream, "/record"))
    peers.reactor.advance(0)
    transport = peers.recorded.protocols[-1].transport
    transport.pauseProducing()
    transport.loseWriteConnection()
    raw.say(data(stream, bytes(100_000), FIN))
    peers.reactor.advance(0)


def test_aNumberTwice(rawPeer: Connect) -> None:
    """
    So is one with the number of a stream of which not all has been read.
    """
    peers, raw = rawPeer()
    unreadAndOver(peers, raw, 1)
    assert peers.bob.unread == 100_000
    raw.say(opened(1, "/echo"))
    peers.reactor.advance(0)
    (protocol,) = peers.recorded.protocols
    assert protocol.lost is not None
    assert protocol.lost.check(ConnectionLost)
    assert raw.lost is not None
    assert peers.factory.connections == set()


def test_unreadStreamsCount(rawPeer: Connect) -> None:
    """
    Streams that are finished are the peer's until they have been read, so it can't have any number
    of them.
    """
    peers, raw = rawPeer(Limits(inboundStreams=3))
    for stream in (1, 3, 5):
        unreadAndOver(peers, raw, stream)
    raw.say(opened(7, "/record"))
    peers.reactor.advance(0)
    assert heard(raw)[-1][0] == Header(Kind.WINDOW, RST, 7, 0)
    assert (peers.bob.streams, peers.bob.unread) == (3, 300_000)
    for protocol in peers.recorded.protocols:
        protocol.transport.abortConnection()
    peers.reactor.advance(0)
    raw.say(opened(9, "/record"))
    peers.reactor.advance(0)
    assert peers.bob.streams == 1
    assert lives(peers, raw)


def test_identificationPushedAtUs(rawPeer: Connect) -> None:
    """
    An identification that we did not ask for is refused unread, however long it is, and whether or
    not the peer waits for our answer.
    """
    peers, raw = rawPeer()
    raw.say(opened(1, "/ipfs/id/push/1.0.0"))
    peers.reactor.advance(0)
    assert b"\x03na\n" in raw.heard
    pushed = varint.encode(2**20) + bytes(200_000)
    raw.say(data(1, pushed))
    raw.say(opened(3, "/ipfs/id/push/1.0.0") + data(3, pushed, FIN))
    peers.reactor.advance(0)
    resets = [header.stream for header, _ in heard(raw) if header.flags & RST]
    assert resets == [1, 3]
    assert (peers.bob.streams, peers.bob.unread) == (0, 0)
    assert lives(peers, raw)


def test_everythingAtOnce(rawPeer: Connect) -> None:
    """
    However much a peer sends to protocols that don't read, it takes no more memory than the windows
    of the streams that it may have, in however small frames it comes.
    """
    limits = Limits(inboundStreams=4)
    peers, raw = rawPeer(limits)
    for each in range(1, 9, 2):
        raw.say(opened(each, "/record"))
    peers.reactor.advance(0)
    for protocol in peers.recorded.protocols:
        protocol.transport.pauseProducing()
    tracemalloc.start()
    for _ in range(10):
        raw.say(b"".join(data(each, b"x") * 500 for each in range(1, 9, 2)))
        peers.reactor.advance(0)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peers.bob.unread == 4 * 5000
    assert held < 4 * 5000 * 3


GREETINGS = {
    "zeros": bytes(100_000),
    "noise": bytes(range(256)) * 400,
    "a name, and nothing": b"\x13/multistream/1.0.0\n" + b"\xff" * 100_000,
    "proposals": b"\x13/multistream/1.0.0\n" + b"\x03/x\n" * 30_000,
    "a long message": b"\x13/multistream/1.0.0\n\x07/noise\n" + b"\xff\xff" + bytes(100_000),
    "no key": b"\x13/multistream/1.0.0\n\x07/noise\n" + b"\x00\x20" + bytes(32),
}


@pytest.mark.parametrize("greeting", GREETINGS.values(), ids=GREETINGS)
def test_beforeTheHandshake(makePeers: Callable[..., Peers], greeting: bytes) -> None:
    """
    Who does not even shake hands is gone at once.
    """
    peers = makePeers()
    peers.listen()
    client: Any = peers.result(peers.endpoint.connect(RecordingFactory(greeting=greeting)))
    peers.reactor.advance(0)
    assert client.lost is not None
    assert peers.factory.connections == set()
    assert len(client.received) < 1000
    assert varint.decode(client.received) is None or client.received.startswith(b"\x13")
    assert peers.reactor.getDelayedCalls() == []
