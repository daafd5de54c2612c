# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The client's side of SOCKS5, as tor speaks it (RFC 1928, RFC 1929; tor's socks-extensions).

Sans-I/O: bytes in, bytes out.  Each step waits for the one before it, since tor hangs on a
greeting, credentials and a request that come at once.
"""

from __future__ import annotations

import struct
from enum import Enum

from onionp2p.errors import (
    AddressTypeUnsupported,
    ClientAuthRefused,
    ClientAuthRequired,
    CommandUnsupported,
    ConnectionRefused,
    DescriptorInvalid,
    DescriptorNotFound,
    DialError,
    DialForbidden,
    HostUnreachable,
    IntroductionFailed,
    IntroductionTimeout,
    NetworkUnreachable,
    OnionAddressRefused,
    RendezvousFailed,
    SocksProtocolError,
    SocksRefused,
    TorNotBootstrapped,
    UnreachableTarget,
)

__all__ = ["SocksClient", "errorOfReply"]

# What tells tor that the password is nothing but a token for isolation (proposal 351).
_USERNAME = b"<torS0X>0"
_VERSION, _PASSWORD_METHOD, _PASSWORD_VERSION = 5, 2, 1
_CONNECT, _DOMAIN_NAME = 1, 3
_ADDRESS_LENGTHS = {1: 4, 4: 16}
_LONGEST_STRING = 255

_ERRORS: dict[int, type[DialError]] = {
    0x01: UnreachableTarget,
    0x02: DialForbidden,
    0x03: NetworkUnreachable,
    0x04: HostUnreachable,
    0x05: ConnectionRefused,
    0x06: TorNotBootstrapped,
    0x07: CommandUnsupported,
    0x08: AddressTypeUnsupported,
    0xF0: DescriptorNotFound,
    0xF1: DescriptorInvalid,
    0xF2: IntroductionFailed,
    0xF3: RendezvousFailed,
    0xF4: ClientAuthRequired,
    0xF5: ClientAuthRefused,
    0xF6: OnionAddressRefused,
    0xF7: IntroductionTimeout,
}


def errorOfReply(code: int) -> DialError:
    """
    Give the error for a reply's code, 1 to 255.
    """
    error = _ERRORS.get(code)
    if error is None:
        return SocksRefused(f"Its SOCKS reply is {code:#04x}.")
    return error()


class _Step(Enum):
    METHOD = "method"
    CREDENTIALS = "credentials"
    REPLY = "reply"
    DONE = "done"


class SocksClient:
    """
    One request to connect to a name.

    Write L{greeting}, pass what is received to L{receive} and write what that returns, until
    L{connected}; what then follows the reply is L{rest}.

    @ivar token: what was given as such.
    @ivar rest: bytes received after tor's reply; they come from the other end.
    """

    def __init__(self, host: str, port: int, token: str) -> None:
        """
        @param host: the name to connect to, in ASCII.
        @param port: the port there, 1 to 65535.
        @param token: requests with different tokens never share a circuit; 1 to 255 characters
            of ASCII.
        """
        name, password = host.encode("ascii"), token.encode("ascii")
        if not 1 <= len(name) <= _LONGEST_STRING or not 1 <= len(password) <= _LONGEST_STRING:
            raise ValueError("a SOCKS string has 1 to 255 bytes")
        self._credentials = (
            bytes([_PASSWORD_VERSION, len(_USERNAME)])
            + _USERNAME
            + bytes([len(password)])
            + password
        )
        self._request = (
            bytes([_VERSION, _CONNECT, 0, _DOMAIN_NAME, len(name)]) + name + struct.pack("!H", port)
        )
        self.token = token
        self._step = _Step.METHOD
        self._buffer = b""
        self.rest = b""

    @property
    def greeting(self) -> bytes:
        """
        What to write first.
        """
        return bytes([_VERSION, 1, _PASSWORD_METHOD])

    @property
    def phase(self) -> str:
        """
        What it waits for, for messages.
        """
        return self._step.value

    @property
    def connected(self) -> bool:
        """
        Whether tor has connected us to the other end.
        """
        return self._step is _Step.DONE

    def receive(self, data: bytes) -> bytes:
        """
        Take bytes from tor, in pieces of any size.

        @return: what to write now; may be empty.

        @raise DialError: tor refused, or is no tor; nothing more may be passed in.
        """
        self._buffer += data
        write = b""
        if self._step is _Step.METHOD and self._take(2, _VERSION):
            self._expect(1, _PASSWORD_METHOD, "it wants another way of authentication")
            self._advance(2, _Step.CREDENTIALS)
            write = self._credentials
        if self._step is _Step.CREDENTIALS and self._take(2, _PASSWORD_VERSION):
            self._expect(1, 0, "it refused our isolation token")
            self._advance(2, _Step.REPLY)
            write += self._request
        if self._step is _Step.REPLY:
            self._readReply()
        return write

    def _readReply(self) -> None:
        # The second byte tells an error even if the rest never comes.
        if not self._take(2, _VERSION):
            return
        code = self._buffer[1]
        if code:
            raise errorOfReply(code)
        if len(self._buffer) < 5:  # the last one is a name's length, if it is one
            return
        kind = self._buffer[3]
        if kind == _DOMAIN_NAME:
            length = 1 + self._buffer[4]
        elif kind in _ADDRESS_LENGTHS:
            length = _ADDRESS_LENGTHS[kind]
        else:
            raise SocksProtocolError(f"Its reply has an address of type {kind:#04x}.")
        whole = 4 + length + 2
        if len(self._buffer) >= whole:
            self.rest = self._buffer[whole:]
            self._advance(len(self._buffer), _Step.DONE)

    def _take(self, count: int, version: int) -> bool:
        """
        Whether C{count} bytes are there; the first must be C{version}.
        """
        if self._buffer:
            self._expect(0, version, "it is some other server")
        return len(self._buffer) >= count

    def _expect(self, index: int, value: int, otherwise: str) -> None:
        if self._buffer[index] != value:
            raise SocksProtocolError(
                f"Waiting for {self.phase}, got {self._buffer[index]:#04x}: {otherwise}."
            )

    def _advance(self, count: int, step: _Step) -> None:
        self._buffer = self._buffer[count:]
        self._step = step
