# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
SOCKS5 as tor serves it, on a port with C{OnionTrafficOnly IsolateSOCKSAuth ExtendedErrors}
(RFC 1928, RFC 1929; tor's socks-extensions and proposal 304).

Sans-I/O: bytes in, bytes and requests out.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from enum import Enum

__all__ = ["SocksRefused", "SocksRequest", "SocksServer", "failure", "success"]

_ANY_USER = re.compile(rb"(?!<torS0X>)(?s:.*)")
_OUR_USER = b"<torS0X>0"
_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?", re.ASCII)
_CONNECT, _BIND, _ASSOCIATE, _RESOLVE, _RESOLVE_PTR = 1, 2, 3, 0xF0, 0xF1
_NOT_HTTP = b"HTTP/1.0 501 Tor is not an HTTP Proxy\r\n"


class SocksRefused(Exception):
    """
    The request fails.

    @ivar reply: what to send before closing.
    """

    def __init__(self, reply: bytes) -> None:
        super().__init__(reply)
        self.reply = reply


@dataclass(frozen=True)
class SocksRequest:
    """
    What a client wants.

    @ivar host: a name, in lower case.
    @ivar port: the port there.
    @ivar token: what isolates its circuits from others': user and password.
    """

    host: str
    port: int
    token: bytes


def success() -> bytes:
    """
    Give the reply to a client that is connected.
    """
    return b"\x05\x00\x00\x04" + bytes(18)


def failure(code: int) -> bytes:
    """
    Give the reply to a client whose well-formed request to connect fails.
    """
    return bytes([5, code, 0, 4]) + bytes(18)


def _malformed(code: int) -> SocksRefused:
    return SocksRefused(bytes([5, code, 0, 1]) + bytes(6))


class _Step(Enum):
    GREETING = "GREETING"
    CREDENTIALS = "CREDENTIALS"
    REQUEST = "REQUEST"


class SocksServer:
    """
    One client's conversation.

    @ivar rest: bytes that the client sent after its request.
    @ivar passed: the steps that the bytes received last have completed.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._step = _Step.GREETING
        self._token = b""
        self.rest = b""
        self.passed: list[str] = []

    def receive(self, data: bytes) -> tuple[bytes, SocksRequest | None]:
        """
        Take bytes from the client.

        @return: what to send now, and the request once it is there.

        @raise SocksRefused: holds what to send before closing.
        """
        self._buffer += data
        self.passed = []
        reply = b""
        if self._step is _Step.GREETING:
            reply = self._greeting()
        if self._step is _Step.CREDENTIALS and (accepted := self._credentials()):
            # tor forgets its first reply when the client did not wait for it.
            reply = accepted
        request = self._request() if self._step is _Step.REQUEST else None
        return reply, request

    def _greeting(self) -> bytes:
        buffer = self._buffer
        if buffer[:1] in {b"G", b"H", b"P", b"C"}:
            raise SocksRefused(_NOT_HTTP)
        if buffer and buffer[0] != 5:
            raise SocksRefused(b"")
        if len(buffer) < 2 or len(buffer) < 2 + buffer[1]:
            return b""
        methods = buffer[2 : 2 + buffer[1]]
        self._buffer = buffer[2 + buffer[1] :]
        self.passed.append(_Step.GREETING.value)
        if not methods:
            raise SocksRefused(b"")
        if 2 in methods:
            self._step = _Step.CREDENTIALS
            return b"\x05\x02"
        if 0 in methods:
            self._step = _Step.REQUEST
            return b"\x05\x00"
        raise SocksRefused(b"\x05\xff")

    def _credentials(self) -> bytes:
        buffer = self._buffer
        if buffer and buffer[0] != 1:
            raise SocksRefused(failure(1))
        if len(buffer) < 2 or len(buffer) < 3 + buffer[1]:
            return b""
        user, rest = buffer[2 : 2 + buffer[1]], buffer[2 + buffer[1] :]
        if len(rest) < 1 + rest[0]:
            return b""
        password, self._buffer = rest[1 : 1 + rest[0]], rest[1 + rest[0] :]
        self.passed.append(_Step.CREDENTIALS.value)
        if user != _OUR_USER and not _ANY_USER.fullmatch(user):
            raise SocksRefused(failure(1))
        self._token = user + b"\0" + password
        self._step = _Step.REQUEST
        return b"\x01\x00"

    def _request(self) -> SocksRequest | None:
        buffer = self._buffer
        if len(buffer) < 5:
            return None
        command, kind = buffer[1], buffer[3]
        lengths = {1: 4, 3: 1 + buffer[4], 4: 16}
        if kind not in lengths:
            raise _malformed(1)
        end = 4 + lengths[kind]
        if len(buffer) < end + 2:
            return None
        if command in {_BIND, _ASSOCIATE}:
            raise _malformed(7)
        if command in {_RESOLVE, _RESOLVE_PTR}:
            raise SocksRefused(b"\x05\x04" + bytes(8))
        if command != _CONNECT:
            raise _malformed(1)
        if kind != 3:  # an address of the ordinary Internet
            raise _malformed(2)
        (port,) = struct.unpack("!H", buffer[end : end + 2])
        self.rest = buffer[end + 2 :]
        return SocksRequest(self._host(buffer[5:end]), port, self._token)

    @staticmethod
    def _host(name: bytes) -> str:
        host = name.decode("latin-1")
        if not _NAME.fullmatch(host):
            raise _malformed(1)
        if host.endswith(".exit"):
            raise SocksRefused(failure(1))
        if not host.lower().endswith(".onion"):
            raise SocksRefused(failure(2))
        return host.lower()
