# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
SOCKS5, from bytes to bytes.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionp2p import errors
from onionp2p.dialing.socks import SocksClient, errorOfReply

METHOD = b"\x05\x02"
ACCEPTED = b"\x01\x00"
OVER_UNIX = b"\x05\x00\x00\x04" + bytes(16) + b"\x00\x00"
OVER_TCP = b"\x05\x00\x00\x01" + bytes(4) + b"\x00\x00"
NAMED = b"\x05\x00\x00\x03\x05onion\x00\x50"

replies = st.sampled_from([OVER_UNIX, OVER_TCP, NAMED])


def client() -> SocksClient:
    """A client that has written its greeting."""
    return SocksClient("x.onion", 7777, "token")


def chunked(data: bytes, cuts: list[int]) -> list[bytes]:
    """Cut C{data} at the places C{cuts}."""
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in pairwise(edges)]


def test_stepByStep() -> None:
    """
    Each step is written only when the one before it is answered.
    """
    socks = client()
    assert socks.greeting == b"\x05\x01\x02"
    assert socks.receive(METHOD) == b"\x01\x09<torS0X>0\x05token"
    assert socks.receive(ACCEPTED) == b"\x05\x01\x00\x03\x07x.onion\x1e\x61"
    assert socks.phase == "reply"
    assert socks.receive(OVER_UNIX) == b""
    assert socks.connected
    assert socks.rest == b""


@given(replies, st.binary(max_size=200), st.lists(st.integers(0, 400), max_size=20))
def test_anyChunks(reply: bytes, rest: bytes, cuts: list[int]) -> None:
    """
    However the bytes are cut, the same is written, and what follows the reply is kept.
    """
    socks = client()
    written, kept = b"", b""
    for chunk in chunked(METHOD + ACCEPTED + reply + rest, cuts):
        if socks.connected:
            kept += chunk
        else:
            written += socks.receive(chunk)
    assert socks.connected
    assert socks.rest + kept == rest
    assert written == b"\x01\x09<torS0X>0\x05token\x05\x01\x00\x03\x07x.onion\x1e\x61"


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=30))
def test_anyBytesGiveOneTypedError(chunks: list[bytes]) -> None:
    """
    A server that sends anything connects us or makes one DialError.
    """
    socks = client()
    with suppress(errors.DialError):
        for chunk in chunks:
            if not socks.connected:
                socks.receive(chunk)


@pytest.mark.parametrize(
    ("code", "error", "retriable"),
    [
        (0x01, errors.UnreachableTarget, True),
        (0x02, errors.DialForbidden, False),
        (0x03, errors.NetworkUnreachable, True),
        (0x04, errors.HostUnreachable, True),
        (0x05, errors.ConnectionRefused, False),
        (0x06, errors.TorNotBootstrapped, True),
        (0x07, errors.CommandUnsupported, False),
        (0x08, errors.AddressTypeUnsupported, False),
        (0x09, errors.SocksRefused, False),
        (0xF0, errors.DescriptorNotFound, True),
        (0xF1, errors.DescriptorInvalid, False),
        (0xF2, errors.IntroductionFailed, True),
        (0xF3, errors.RendezvousFailed, True),
        (0xF4, errors.ClientAuthRequired, False),
        (0xF5, errors.ClientAuthRefused, False),
        (0xF6, errors.OnionAddressRefused, False),
        (0xF7, errors.IntroductionTimeout, True),
        (0xFF, errors.SocksRefused, False),
    ],
)
def test_errorsTellWhatHappened(code: int, error: type[errors.DialError], retriable: bool) -> None:
    """
    Each code is an error of its own, which says whether it is worth a retry.
    """
    socks = client()
    socks.receive(METHOD + ACCEPTED)
    with pytest.raises(error) as caught:
        socks.receive(bytes([5, code]))  # the rest of the reply may never come
    assert caught.value.retriable is retriable
    assert type(errorOfReply(code)) is error


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"HTTP/1.1 400", "some other server"),
        (b"\x05\xff", "authentication"),
        (METHOD + b"\x01\x01", "isolation token"),
        (METHOD + ACCEPTED + b"\x04", "some other server"),
        (METHOD + ACCEPTED + b"\x05\x00\x00\x09\x00", "type 0x09"),
    ],
)
def test_whatIsNotSOCKS(data: bytes, complaint: str) -> None:
    """
    A server that does not speak SOCKS5 is found out by its first wrong byte.
    """
    with pytest.raises(errors.SocksProtocolError, match=complaint):
        client().receive(data)


@pytest.mark.parametrize(
    ("host", "token"), [("", "t"), ("x" * 256, "t"), ("x", ""), ("x", "t" * 256)]
)
def test_stringsHaveLimits(host: str, token: str) -> None:
    """
    What does not fit into a request is refused before anything is sent.
    """
    with pytest.raises(ValueError, match="255"):
        SocksClient(host, 1, token)
