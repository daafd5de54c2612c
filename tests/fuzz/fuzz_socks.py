"""
A hostile SOCKS server, as a fuzz target: any bytes, in any pieces.

    python tests/fuzz/fuzz_socks.py --inputs 1000000 --seed 1    by itself: damaged replies, noise
    python tests/fuzz/fuzz_socks.py [libFuzzer's options]        guided by coverage, with atheris

An input's first bytes say how the rest is cut; the rest is what the server sends.  What
L{SocksClient} makes of the pieces is compared with what L{outcome} makes of the whole.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from contextlib import nullcontext
from typing import Any

try:
    import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]
except ImportError:
    atheris = None

with atheris.instrument_imports(include=["onionp2p.dialing.socks"]) if atheris else nullcontext():
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
        for _ in range(int(number() * 3)):
            at, kind = int(number() ** 2 * len(data)), int(number() * 5)
            if kind == 0:
                data = data[:at]
            elif kind == 1:
                data = data[:at] + noise(1) + data[at + 1 :]
            elif kind == 2:
                data = data[:at] + noise(int(number() * 8)) + data[at:]
            elif kind == 3:
                data = data[:at] + data[at + int(number() * 8) :]
            else:
                data = data[:at] + data[int(number() * len(data)) :]
        yield bytes([int(number() * choose((4, 30, 256))) for _ in range(CUTS)]) + data


def main() -> None:
    """
    Run by atheris, or on our own.
    """
    if "--inputs" not in sys.argv:
        if atheris is None:
            sys.exit("atheris is not installed here: give --inputs N, and perhaps --seed N")
        atheris.Setup(sys.argv, TestOneInput)
        atheris.Fuzz()
    parser = argparse.ArgumentParser(description="Run random inputs.")
    parser.add_argument("--inputs", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.perf_counter()
    came = Counter(map(TestOneInput, inputs(options.inputs, options.seed)))
    print(f"{options.inputs} inputs, seed {options.seed}, {time.perf_counter() - began:.1f} s")
    for name, count in came.most_common():
        print(f"{count:9}  {name}")


if __name__ == "__main__":
    main()
