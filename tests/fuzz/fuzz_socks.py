# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A hostile SOCKS server, as a fuzz target: any bytes, in any pieces.

    python -m tests.fuzz.fuzz_socks --inputs 1000000 --seed 1    by itself: damaged replies, noise
    python -m tests.fuzz.fuzz_socks [libFuzzer's options]        guided by coverage, with atheris

An input's first bytes say how the rest is cut; the rest is what the server sends.  What
L{SocksClient} makes of the pieces is compared with what L{outcome} makes of the whole.
"""

from __future__ import annotations

import random
from typing import Any

from tests.fuzz.driver import damaged, instrumented, run

with instrumented("onionp2p.dialing.socks"):
    from onionp2p.dialing.socks import SocksClient
    from onionp2p.errors import DialError

__all__ = ["TestOneInput", "inputs", "outcome"]

CUTS = 6
"""Bytes at an input's beginning that are the lengths of pieces, in turn; 0 is all of the rest."""

GREETING = b"\x05\x01\x02"
CREDENTIALS = b"\x01\x09<torS0X>0\x05token"
REQUEST = b"\x05\x01\x00\x03\x07x.onion\x1e\x61"
WRITTEN = [GREETING, GREETING + CREDENTIALS, GREETING + CREDENTIALS + REQUEST]
"""All that a client may have written at any time, step by step (RFC 1928, RFC 1929)."""

METHOD, ACCEPTED = b"\x05\x02", b"\x01\x00"
"""What a server answers to the first two; to the third it is L{SUCCESSES}."""

LONGEST_REPLY = 4 + 1 + 255 + 2
"""Bytes; a reply that names a host of 255 characters.  No more needs to be kept, ever."""

FEWEST_TO_JUDGE_A_TYPE = 5
"""Bytes of a reply after which an unknown type of address must have been refused."""


def outcome(data: bytes) -> tuple[str, int, bytes]:
    """
    Say what a whole conversation comes to.

    @return: C{connected}, C{refused} or C{waiting}; how many of L{WRITTEN} were written; what
        follows the reply.
    """
    for step, answer in enumerate([METHOD, ACCEPTED]):
        if data[:2] != answer:
            return ("waiting" if answer.startswith(data[:2]) else "refused"), step, b""
        data = data[2:]
    length: int | None = FEWEST_TO_JUDGE_A_TYPE
    if len(data) >= FEWEST_TO_JUDGE_A_TYPE:
        length = {1: 10, 3: 7 + data[4], 4: 22}.get(data[3])
    if length is None or not b"\x05\x00".startswith(data[:2]):
        return "refused", 2, b""
    if len(data) < length:
        return "waiting", 2, b""
    return "connected", 2, data[length:]


def pieces(data: bytes) -> list[bytes]:
    """
    Cut an input's bytes as its head says.
    """
    lengths, data = data[:CUTS], data[CUTS:]
    cut = []
    while data:
        for length in lengths:
            cut.append(data[: length or None])
            data = data[length:] if length else b""
            if not data:
                break
    return cut


def held(socks: SocksClient) -> int:
    """
    Count the bytes of a client's buffers, whatever their names.
    """
    names = getattr(type(socks), "__slots__", None) or vars(socks)
    values = [getattr(socks, name, None) for name in names]
    return sum(len(value) for value in values if isinstance(value, bytes | bytearray))


def TestOneInput(data: bytes) -> str:
    """
    Run one input.

    @return: what it came to, for the statistics: an outcome or an error's name.

    @raise AssertionError: the client is wrong.
    """
    server = pieces(data)
    expected, steps, rest = outcome(b"".join(server))
    socks = SocksClient("x.onion", 7777, "token")
    limit = held(socks) + LONGEST_REPLY + len(CREDENTIALS) + len(REQUEST)
    written, kept, refusal = socks.greeting, b"", None
    assert written == GREETING
    for piece in server:
        if socks.connected:
            kept += piece
            continue
        try:
            written += socks.receive(piece)
        except DialError as error:
            refusal = error
            break
        assert written in WRITTEN, written
        assert socks.connected or held(socks) <= limit, held(socks)
    if refusal is not None:
        assert expected == "refused", (expected, refusal)
        assert written in WRITTEN[: steps + 1], written
        assert not socks.connected
        return type(refusal).__name__
    assert (socks.connected, socks.rest + kept) == (expected == "connected", rest)
    assert expected != "refused", "it should have been refused"
    assert written == WRITTEN[steps], written
    return expected


SUCCESSES = [
    b"\x05\x00\x00\x04" + bytes(18),
    b"\x05\x00\x00\x01" + bytes(6),
    b"\x05\x00\x00\x03\x05onion\x00\x50",
    b"\x05\x00\x00\x03\xff" + b"o" * 255 + b"\x00\x50",
]
REFUSALS = [bytes([5, code, 0, 1]) + bytes(6) for code in (*range(1, 9), *range(0xF0, 0xF8), 0xFF)]


def inputs(count: int, seed: int) -> Any:
    """
    Make inputs: conversations, most of them damaged, and a tenth pure noise.
    """
    source = random.Random(seed)  # noqa: S311 - no secret
    choose, noise, number = source.choice, source.randbytes, source.random
    for _ in range(count):
        if number() < 0.1:
            yield noise(int(number() * 40) + CUTS)
            continue
        rest = noise(int(number() * 40))
        data = METHOD + ACCEPTED + choose(SUCCESSES if number() < 0.7 else REFUSALS) + rest
        data = damaged(data, source)
        yield bytes([int(number() * choose((4, 30, 256))) for _ in range(CUTS)]) + data


if __name__ == "__main__":
    run(TestOneInput, inputs)
