# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The frames of yamux (libp2p specs, C{yamux/README.md}, "Framing"): twelve bytes, and those of data.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum, IntFlag
from typing import NamedTuple

from onionp2p.libp2p.errors import YamuxError

__all__ = ["HEADER", "Code", "Flags", "FrameReader", "Header", "Kind", "decode", "encode"]

HEADER = 12
"""Bytes of a frame's header."""

_FORMAT = struct.Struct("!BBHII")
_VERSION = 0


class Kind(IntEnum):
    """
    What a frame is for.
    """

    DATA = 0
    WINDOW = 1
    PING = 2
    GO_AWAY = 3


class Flags(IntFlag):
    """
    What else it says.
    """

    NONE = 0
    SYN = 1
    ACK = 2
    FIN = 4
    RST = 8


class Code(IntEnum):
    """
    Why an end goes away.
    """

    NORMAL = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2


class Header(NamedTuple):
    """
    @ivar stream: the stream's number; 0 is the whole session.
    @ivar length: of data, how many bytes follow; of a window, by how many it grows; of a ping, any
        number; of a going away, a L{Code}.
    """

    kind: int
    flags: int
    stream: int
    length: int


_ALL_FLAGS = 15
_KINDS = frozenset(Kind)
_OF_SESSION = frozenset([Kind.PING, Kind.GO_AWAY])


def encode(kind: int, flags: int, stream: int, length: int) -> bytes:
    """
    Write a header.
    """
    return _FORMAT.pack(_VERSION, kind, flags, stream, length)


def decode(data: bytes | bytearray, start: int = 0) -> Header:
    """
    Read a header.

    @param start: where in C{data} its twelve bytes begin.

    @raise YamuxError: if it is none.
    """
    version, kind, flags, stream, length = _FORMAT.unpack_from(data, start)
    if version != _VERSION:
        raise YamuxError(f"A frame is of version {version}.")
    if kind not in _KINDS or flags > _ALL_FLAGS:
        raise YamuxError(f"A frame is of kind {kind} with flags {flags:#x}.")
    if (stream == 0) is not (kind in _OF_SESSION):
        raise YamuxError(f"A frame of kind {kind} is for stream {stream}.")
    return Header(kind, flags, stream, length)


class FrameReader:
    """
    Tells the frames of what is received.  It holds no data: a frame's goes on as it comes.

    @ivar remaining: bytes that are still to come of the data of the present frame.
    """

    def __init__(self) -> None:
        self._partial = b""
        self._frame: Header | None = None
        self.remaining = 0

    def read(self, data: bytes) -> Iterator[tuple[Header, bytes | None]]:
        """
        Take bytes of the peer, in pieces of any size.

        @return: each header with L{None}, then, of data, with its pieces: one at least, until none
            is L{remaining}.

        @raise YamuxError: if there is no header where one should be.
        """
        position = 0
        while True:
            if self._frame is not None:
                frame = self._frame
                piece = data[position : position + self.remaining]
                position += len(piece)
                self.remaining -= len(piece)
                if not self.remaining:
                    self._frame = None
                if piece or not self.remaining:
                    yield frame, piece
                if self.remaining:
                    return
            missing = HEADER - len(self._partial)
            self._partial += data[position : position + missing]
            position += missing
            if len(self._partial) < HEADER:
                return
            header, self._partial = decode(self._partial), b""
            if header.kind == Kind.DATA:
                self._frame, self.remaining = header, header.length
            yield header, None
