# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What a client asks of the other end: the first bytes that it sends, and what it gets for them.
"""

from __future__ import annotations

import struct
from enum import IntEnum

__all__ = ["BANNER", "CHUNK", "DONE", "HEADER_LENGTH", "Ask", "Port", "decode", "encode"]

_HEADER = struct.Struct(">BQ")
HEADER_LENGTH = _HEADER.size

CHUNK = bytes(65536)
"""What is sent over and over, where nobody looks at the bytes."""

DONE = b"!"
"""What a sink sends when it has all."""

BANNER = b"220 at your service\r\n"
"""The first words of a server that speaks first."""


class Port(IntEnum):
    """
    Virtual ports: a server that waits to be asked, and one that speaks first, its words being one
    packet with the SOCKS reply, or following it.
    """

    ASKED = 1
    SPEAKS_WITH_REPLY = 2
    SPEAKS_AFTER_REPLY = 3


class Ask(IntEnum):
    """
    Send everything back; or take so many bytes, then send L{DONE}; or send so many bytes.
    """

    ECHO = 1
    SINK = 2
    SOURCE = 3


def encode(ask: Ask, count: int = 0) -> bytes:
    """
    Give the first bytes of a client.
    """
    return _HEADER.pack(ask, count)


def decode(header: bytes) -> tuple[Ask, int]:
    """
    Read L{HEADER_LENGTH} bytes.
    """
    ask, count = _HEADER.unpack(header)
    return Ask(ask), count
