# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A hostile libp2p peer, as a fuzz target: any bytes, in any pieces, to each of the five parsers.

    python -m tests.fuzz.fuzz_libp2p --inputs 1000000 --seed 1    by itself: damaged messages, noise
    python -m tests.fuzz.fuzz_libp2p [libFuzzer's options]        guided by coverage, with atheris

An input's first byte says whose it is, the next how the rest is cut.  What a parser makes of the
pieces must be what it makes of the whole, and it may hold no more than its limits allow.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from tests.fuzz.driver import damaged, instrumented, run

with instrumented("onionp2p.libp2p"):
    from onionp2p.libp2p.errors import Libp2pError, YamuxError
    from onionp2p.libp2p.frames import HEADER, Flags, Kind, encode
    from onionp2p.libp2p.identify import Identification, take
    from onionp2p.libp2p.identity import Identity
    from onionp2p.libp2p.multistream import Chooser, Proposer
    from onionp2p.libp2p.securechannel import SecureChannel
    from onionp2p.libp2p.windows import INITIAL_WINDOW
    from onionp2p.libp2p.wire import Message, bytesField, numberField
    from onionp2p.libp2p.yamux import Session
    from onionp2p.libp2p.yamuxevents import Received

__all__ = ["TestOneInput", "inputs"]

CUTS = 3
"""Bytes after an input's first that are the lengths of pieces, in turn; 0 is all of the rest."""

ALICE, BOB = Identity(bytes(32)), Identity(bytes(31) + b"\x01")
LONGEST_LINE = 1024 + 2


def pieces(data: bytes, lengths: bytes) -> list[bytes]:
    """
    Cut bytes as a head says.
    """
    cut = []
    while data:
        for length in lengths:
            cut.append(data[: length or None])
            data = data[length:] if length else b""
            if not data:
                break
    return cut


def held(end: object) -> int:
    """
    Count the bytes of a parser's buffers, whatever their names.
    """
    return sum(len(each) for each in vars(end).values() if isinstance(each, bytes | bytearray))


def negotiated(end: Any, parts: list[bytes]) -> tuple[object, ...]:
    """
    Say what comes of negotiating a protocol.
    """
    written, rest = b"", b""
    for part in parts:
        if end.protocol is not None:
            rest += part
            continue
        try:
            written += end.receive(part)
        except Libp2pError as error:
            return (type(error).__name__,)
        assert end.protocol is not None or held(end) <= LONGEST_LINE, held(end)
    return end.protocol, written, end.rest + rest


def proposing(data: bytes, parts: list[bytes]) -> str:
    """
    As the end that proposes.
    """
    return same(
        negotiated(Proposer(["/a", "/b"]), [data]), negotiated(Proposer(["/a", "/b"]), parts)
    )


def choosing(data: bytes, parts: list[bytes]) -> str:
    """
    As the end that says yes or no.
    """
    return same(negotiated(Chooser(["/a"]), [data]), negotiated(Chooser(["/a"]), parts))


def same(whole: tuple[object, ...], cut: tuple[object, ...]) -> str:
    """
    Compare what came of the whole and of the pieces.
    """
    assert whole == cut, (whole, cut)
    return str(whole[0])


def session() -> Session:
    """
    Make a listener's session with a stream of ours and one that has died.
    """
    ours = Session(dialer=False, inboundLimit=2)
    ours.reset(ours.open())
    ours.open()
    ours.takeOutput()
    return ours


def streams(data: bytes, parts: list[bytes]) -> str:
    """
    Frames of yamux.
    """
    results = []
    for fed in ([data], parts):
        ours, events, failed = session(), [], ""
        for part in fed:
            try:
                events += ours.receive(part)
            except YamuxError:
                # What came before the error is not delivered; how much that is, the pieces say.
                failed = "YamuxError"
                break
            kept = held(ours) + held(ours._reader)
            assert kept <= HEADER + len(ours._output), kept
            assert ours.streams <= 3, ours.streams
        got: Counter[int] = Counter()
        for event in events:
            if isinstance(event, Received):
                got[event.stream] += len(event.data)
        assert all(count <= INITIAL_WINDOW for count in got.values()), got
        others = [event for event in events if not isinstance(event, Received)]
        results.append((failed,) if failed else ("ok", got, others, ours.takeOutput()))
    return same(*results)


def proof(data: bytes, parts: list[bytes]) -> str:
    """
    What a peer says in Noise's handshake of who it is.
    """
    channel = SecureChannel(ALICE, dialer=True)
    channel._handshake.remoteStatic = bytes(32)
    try:
        channel._identify(data)
    except Libp2pError as error:
        assert not hasattr(channel, "peer")
        return type(error).__name__
    assert channel.peer == BOB.publicKey
    return "proven"


def lengths(data: bytes, parts: list[bytes]) -> str:
    """
    The messages of Noise's handshake.
    """
    results = []
    for fed in ([data], parts):
        channel = SecureChannel(ALICE, dialer=True)
        channel.start()
        failed = ""
        for part in fed:
            try:
                assert channel.handshake(part) == b""
            except Libp2pError as error:
                failed = type(error).__name__
                break
            assert len(channel._buffer) <= 2 + 8192
        results.append((failed or "waits",))
    return same(*results)


def identification(data: bytes, parts: list[bytes]) -> str:
    """
    What a peer tells of itself.
    """
    try:
        found = take(data)
    except Libp2pError as error:
        return type(error).__name__
    if found is None:
        return "waits"
    assert take(found.encode()) == found
    return "told"


def message(data: bytes, parts: list[bytes]) -> str:
    """
    A message of Protocol Buffers.
    """
    try:
        parsed = Message(data)
    except Libp2pError as error:
        return type(error).__name__
    for field in range(1, 6):
        for ask in (parsed.number, parsed.last, parsed.texts):
            try:
                ask(field)
            except Libp2pError:
                continue
    return "message"


TARGETS: list[Callable[[bytes, list[bytes]], str]] = [
    message,
    identification,
    proof,
    lengths,
    proposing,
    choosing,
    streams,
]


def TestOneInput(data: bytes) -> str:
    """
    Run one input.

    @return: what it came to, for the statistics.

    @raise AssertionError: a parser is wrong.
    """
    if len(data) <= 1 + CUTS:
        return "too short"
    target, rest = TARGETS[data[0] % len(TARGETS)], data[1 + CUTS :]
    return f"{target.__name__}: {target(rest, pieces(rest, data[1 : 1 + CUTS]))}"


HELLO = b"\x13/multistream/1.0.0\n"
KEY = BOB.publicKey.encoded
SIGNATURE = BOB.sign(b"noise-libp2p-static-key:" + bytes(32))
ABOUT = Identification(KEY, (b"address",), ("/a", "/b"), "agent", "version").encode()
FRAMES = [
    encode(Kind.DATA, Flags.SYN, 1, 5) + b"hello",
    encode(Kind.DATA, Flags.FIN, 1, 3) + b"end",
    encode(Kind.DATA, 0, 2, 4) + b"late",
    encode(Kind.WINDOW, Flags.ACK, 4, 70_000),
    encode(Kind.WINDOW, Flags.SYN, 3, 0),
    encode(Kind.WINDOW, Flags.SYN, 5, 0),
    encode(Kind.WINDOW, Flags.RST, 3, 0),
    encode(Kind.PING, Flags.SYN, 0, 77),
    encode(Kind.GO_AWAY, 0, 0, 0),
]
EXAMPLES: dict[Callable[[bytes, list[bytes]], str], list[bytes]] = {
    message: [KEY, ABOUT[1:], numberField(3, 1 << 40) + bytesField(4, b"\xc3\xa9")],
    identification: [ABOUT],
    proof: [bytesField(1, KEY) + bytesField(2, SIGNATURE) + bytesField(4, bytesField(2, b"/y"))],
    lengths: [b"\x00\x20" + bytes(range(32)), b"\x20\x00" + bytes(200)],
    proposing: [HELLO + b"\x03/a\n" + b"rest", HELLO + b"\x03na\n\x03/b\n"],
    choosing: [HELLO + b"\x03/x\n\x03/a\n" + b"rest", HELLO + b"\x03ls\n"],
    streams: FRAMES,
}


def inputs(count: int, seed: int) -> Iterator[bytes]:
    """
    Make inputs: messages, most of them damaged, and a tenth pure noise.
    """
    source = random.Random(seed)  # noqa: S311 - no secret
    choose, noise, number = source.choice, source.randbytes, source.random
    for _ in range(count):
        index = int(number() * len(TARGETS))
        target = TARGETS[index]
        data = choose(EXAMPLES[target])
        if target is streams:
            data = b"".join(source.choices(FRAMES, k=1 + int(number() * 6)))
        if number() < 0.1:
            data = noise(1 + int(number() * 60))
        data = damaged(data, source)
        cuts = bytes(int(number() * choose((4, 30, 256))) for _ in range(CUTS))
        yield bytes([index]) + cuts + data


if __name__ == "__main__":
    run(TestOneInput, inputs)
