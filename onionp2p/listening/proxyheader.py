# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The line by which tor tells the circuit of a connection, before the peer's first byte.

That is what C{HiddenServiceExportCircuitID haproxy} (tor's manual) has it do::

    PROXY TCP6 fc00:dead:beef:4dad::0:47 ::1 71 7777

It is a header of HAProxy's PROXY protocol, version 1.  The last four digits of the one address and
the port behind them are the low half of the circuit's number, which has 32 bits; the last word is
the virtual port.  No I/O here: bytes go in, and an answer comes out.
"""

from __future__ import annotations

import re

__all__ = ["ProxyHeader", "ProxyHeaderError"]

_HEX = rb"(0|[1-9a-f][0-9a-f]{0,3})"
_DECIMAL = rb"(0|[1-9][0-9]{0,4})"
_LINE = re.compile(
    rb"PROXY TCP6 fc00:dead:beef:4dad::%b:%b ::1 %b %b\r\n" % (_HEX, _HEX, _DECIMAL, _DECIMAL)
)
_SHORTEST = len(b"PROXY TCP6 fc00:dead:beef:4dad::0:1 ::1 1 1\r\n")
_LONGEST = len(b"PROXY TCP6 fc00:dead:beef:4dad::ffff:ffff ::1 65535 65535\r\n")


class ProxyHeaderError(ValueError):
    """
    What came is not tor's line.
    """


class ProxyHeader:
    """
    Reads one line.

    @ivar wanted: how many bytes to read next, at most, so as to take none of what follows the
        line; 0 once it is read.
    @ivar circuit: the circuit's number, once it is read.
    """

    def __init__(self, port: int) -> None:
        """
        @param port: the virtual port that it must name.
        """
        self._port = port
        self._read = b""
        self.wanted = _SHORTEST
        self.circuit = 0

    def receive(self, data: bytes) -> bool:
        """
        Take bytes.

        @param data: no more than L{wanted}.

        @return: whether the line is read.

        @raise ProxyHeaderError: if it is none.
        """
        self._read += data
        if self._read.endswith(b"\r\n"):
            self.wanted = 0
            self.circuit = self._parse(self._read)
            return True
        if len(self._read) >= _LONGEST:
            raise ProxyHeaderError
        # Behind the shortest, the line may end with every second byte at the earliest.
        missing = 1 if self._read.endswith(b"\r") else 2
        self.wanted = max(_SHORTEST - len(self._read), missing)
        return False

    def _parse(self, line: bytes) -> int:
        match = _LINE.fullmatch(line)
        if match is None:
            raise ProxyHeaderError
        high, low = int(match[1], 16), int(match[2], 16)
        circuit = high << 16 | low
        if not circuit or int(match[3]) != low or int(match[4]) != self._port:
            raise ProxyHeaderError
        return circuit
