# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What a tor answers on its SOCKS socket while it can reach nobody: the same checks for the fake and
for the real one.

A step is what is sent and what comes back before the next is sent; after the last, the connection
is closed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest

from onionp2p.keys import Identity
from onionp2p.testing import FakeTor
from onionp2p.testing.faketor.outlet import Outlet

GREETING, PASSWORD = b"\x05\x01\x02", b"\x05\x02"
CREDENTIALS, LET_IN = b"\x01\x09<torS0X>0\x05token", b"\x01\x00"
ONION = Identity(bytes(32)).label + ".onion"
WRONG_CHECKSUM = "a" * 56 + ".onion"
CONNECT, BIND, ASSOCIATE, RESOLVE, RESOLVE_PTR = 1, 2, 3, 0xF0, 0xF1

Step = tuple[bytes, bytes]


def request(name: str, port: int = 80, command: int = CONNECT) -> bytes:
    """
    Give a request for a name.
    """
    return bytes([5, command, 0, 3, len(name)]) + name.encode() + struct.pack("!H", port)


def refused(code: int) -> bytes:
    """
    Give the reply to a well-formed request.
    """
    return bytes([5, code, 0, 4]) + bytes(18)


def malformed(code: int) -> bytes:
    """
    Give the reply to a request that tor does not take.
    """
    return bytes([5, code, 0, 1]) + bytes(6)


def answering(data: bytes, reply: bytes) -> list[Step]:
    """
    Give a conversation that ends with a request.
    """
    return [(GREETING, PASSWORD), (CREDENTIALS, LET_IN), (data, reply)]


CASES: dict[str, list[Step]] = {
    "wrong checksum": answering(request(WRONG_CHECKSUM), refused(0xF6)),
    "upper case": answering(request(WRONG_CHECKSUM.upper()), refused(0xF6)),
    "too short": answering(request("abc.onion"), refused(0xF6)),
    "version 2": answering(request("a" * 16 + ".onion"), refused(0xF6)),
    "sub-domain of a wrong one": answering(request("www." + WRONG_CHECKSUM), refused(0xF6)),
    "closing dot": answering(request(ONION + "."), refused(0x02)),
    "other names": answering(request("example.com"), refused(0x02)),
    "IPv4": answering(b"\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x50", malformed(0x02)),
    "IPv6": answering(b"\x05\x01\x00\x04" + bytes(15) + b"\x01\x00\x50", malformed(0x02)),
    "exit notation": answering(request("foo.exit"), refused(0x01)),
    "no host name": answering(request("foo bar.onion"), malformed(0x01)),
    "empty name": answering(request(""), malformed(0x01)),
    "bare .onion": answering(request(".onion"), malformed(0x01)),
    "bind": answering(request(WRONG_CHECKSUM, command=BIND), malformed(0x07)),
    "associate": answering(request(WRONG_CHECKSUM, command=ASSOCIATE), malformed(0x07)),
    "unknown command": answering(request(WRONG_CHECKSUM, command=9), malformed(0x01)),
    "resolve": answering(request(ONION, command=RESOLVE), b"\x05\x04" + bytes(8)),
    "resolve another": answering(request("example.com", command=RESOLVE), b"\x05\x04" + bytes(8)),
    "resolve back": answering(request("1.2.3.4", command=RESOLVE_PTR), b"\x05\x04" + bytes(8)),
    "unknown kind of address": answering(b"\x05\x01\x00\x09abcd", malformed(0x01)),
    "no authentication": [(b"\x05\x01\x00", b"\x05\x00"), (request(WRONG_CHECKSUM), refused(0xF6))],
    "both methods": [
        (b"\x05\x02\x00\x02", PASSWORD),
        (CREDENTIALS, LET_IN),
        (request(WRONG_CHECKSUM), refused(0xF6)),
    ],
    "other methods": [(b"\x05\x01\x01", b"\x05\xff")],
    "no methods": [(b"\x05\x00", b"")],
    "any user": [
        (GREETING, PASSWORD),
        (b"\x01\x01a\x01b", LET_IN),
        (request(WRONG_CHECKSUM), refused(0xF6)),
    ],
    "empty user": [
        (GREETING, PASSWORD),
        (b"\x01\x00\x00", LET_IN),
        (request(WRONG_CHECKSUM), refused(0xF6)),
    ],
    "other extensions": [(GREETING, PASSWORD), (b"\x01\x09<torS0X>1\x01a", refused(0x01))],
    "no extension": [(GREETING, PASSWORD), (b"\x01\x08<torS0X>\x01a", refused(0x01))],
    "longer extension": [(GREETING, PASSWORD), (b"\x01\x0a<torS0X>0z\x01a", refused(0x01))],
    "wrong version of credentials": [(GREETING, PASSWORD), (b"\x05\x01a\x01b", refused(0x01))],
    "greeting and credentials at once": [
        (GREETING + CREDENTIALS, LET_IN),
        (request(WRONG_CHECKSUM), refused(0xF6)),
    ],
    "all at once": [(GREETING + CREDENTIALS + request(WRONG_CHECKSUM), LET_IN + refused(0xF6))],
    "credentials and request at once": [
        (GREETING, PASSWORD),
        (CREDENTIALS + request(WRONG_CHECKSUM), LET_IN + refused(0xF6)),
    ],
    "garbage": [(b"\x99\x99\x99", b"")],
}


async def check(tor: Any, steps: list[Step]) -> None:
    """
    Have a conversation with a tor, and compare its answers with what is written.
    """
    async with tor.socks() as wire:
        for data, reply in steps:
            wire.send(data)
            assert await wire.receive(len(reply)) == reply
        assert await wire.rest() == b""


@pytest.mark.parametrize("name", CASES)
async def test_replies(tor: Any, name: str) -> None:
    """
    It answers as written, and closes.
    """
    await check(tor, CASES[name])


@pytest.mark.parametrize("name", CASES)
async def test_byteByByte(tor: Any, name: str) -> None:
    """
    The same, if the client's bytes come one by one.
    """
    if "at once" in name:  # then they do not
        return
    async with tor.socks() as wire:
        for data, reply in CASES[name]:
            for byte in data:
                wire.send(bytes([byte]))
            assert await wire.receive(len(reply)) == reply
        assert await wire.rest() == b""


async def test_http(tor: Any) -> None:
    """
    Who takes it for an HTTP proxy is told so, in HTTP.
    """
    async with tor.socks() as wire:
        wire.send(b"GET / HTTP/1.0\r\n\r\n")
        assert (await wire.rest()).startswith(b"HTTP/1.0 501 Tor is not an HTTP Proxy\r\n")


class LyingOutlet(Outlet):
    """
    Changes one bit of every byte.
    """

    def write(self, data: bytes) -> None:
        """
        Send something else than C{data}.
        """
        super().write(bytes(byte ^ 0x40 for byte in data))


class LyingTor(FakeTor):
    """
    Says nothing as it should.
    """

    outletType = LyingOutlet


@pytest.mark.parametrize("name", [name for name in CASES if any(reply for _, reply in CASES[name])])
def test_wrongAnswersFail(makeFake: Callable[..., Any], name: str) -> None:
    """
    A fake that says anything else in these conversations fails the check.
    """
    subject = makeFake(LyingTor)
    with pytest.raises(AssertionError):
        subject.reactor.resultOf(check(subject, CASES[name]))
