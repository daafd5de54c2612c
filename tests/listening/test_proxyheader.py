# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The line by which tor tells the circuit of a connection.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionp2p.listening.proxyheader import ProxyHeader, ProxyHeaderError

LINE = b"PROXY TCP6 fc00:dead:beef:4dad::0:47 ::1 71 7777\r\n"


def line(circuit: int, port: int) -> bytes:
    """
    Write what tor writes (its C{export_hs_client_circuit_id}).
    """
    high, low = circuit >> 16, circuit & 0xFFFF
    return f"PROXY TCP6 fc00:dead:beef:4dad::{high:x}:{low:x} ::1 {low} {port}\r\n".encode()


@given(
    st.integers(1, 2**32 - 1),
    st.integers(1, 65535),
    st.binary(max_size=20),
    st.lists(st.integers(1, 60)),
)
def test_read(circuit: int, port: int, rest: bytes, sizes: list[int]) -> None:
    """
    However the bytes are cut, the number of the circuit is read, and nothing of what follows.
    """
    stream = line(circuit, port) + rest
    header = ProxyHeader(port)
    done = False
    while not done:
        size = min(header.wanted, sizes.pop() if sizes else 60)
        piece, stream = stream[:size], stream[size:]
        done = header.receive(piece)
    assert (header.circuit, stream) == (circuit, rest)


@pytest.mark.parametrize(
    "wrong",
    [
        LINE.replace(b"47", b"48"),
        LINE.replace(b"47", b"047"),
        LINE.replace(b"::0:47", b"::00:47"),
        LINE.replace(b"7777", b"7778"),
        LINE.replace(b"7777", b"07777"),
        LINE.replace(b"71 ", b"72 "),
        LINE.replace(b" 71", b"  71"),
        LINE.replace(b"TCP6", b"TCP4"),
        LINE.replace(b"fc00", b"FC00"),
        LINE.replace(b"beef", b"bee0"),
        LINE.replace(b"::1", b"::2"),
        LINE.replace(b"PROXY", b"proxy"),
        LINE.replace(b"\r\n", b"\n" * 20),
        b"PROXY UNKNOWN\r\n" + b" " * 60,
        line(0, 7777),
        line(2**32, 7777),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + b"x" * 60,
        b"\r\n" * 40,
        bytes(100),
    ],
)
def test_wrong(wrong: bytes) -> None:
    """
    Anything else is refused.
    """
    with pytest.raises(ProxyHeaderError):
        feed(ProxyHeader(7777), wrong)


def feed(header: ProxyHeader, stream: bytes) -> None:
    """
    Feed as many bytes as are wanted, till the line is read.
    """
    while stream and header.wanted:
        piece, stream = stream[: header.wanted], stream[header.wanted :]
        header.receive(piece)


@given(st.binary(max_size=200))
def test_total(data: bytes) -> None:
    """
    Whatever comes, there is an answer after 60 bytes at most.
    """
    header = ProxyHeader(7777)
    try:
        feed(header, data.ljust(60, b"x"))
    except ProxyHeaderError:
        return
    assert data.startswith(line(header.circuit, 7777))
