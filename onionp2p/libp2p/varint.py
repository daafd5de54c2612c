# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Unsigned varints (multiformats, C{unsigned-varint}): seven bits a byte, the lowest first.

At most nine bytes, and none more than needed: a number has one spelling.
"""

from __future__ import annotations

from onionp2p.libp2p.errors import WireError

__all__ = ["decode", "encode"]

_LONGEST = 9
_LARGEST = (1 << 63) - 1


def encode(number: int) -> bytes:
    """
    Write a number of 0 to 2^63 - 1.
    """
    if not 0 <= number <= _LARGEST:
        raise ValueError("a varint is a number from 0 to 2^63 - 1")
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def decode(data: bytes | bytearray, start: int = 0) -> tuple[int, int] | None:
    """
    Read a number.

    @param start: where in C{data} it begins.

    @return: the number, and where it ends; L{None} if more bytes are needed to tell.

    @raise WireError: if it is too long, or longer than needed.
    """
    number = 0
    for index in range(start, min(len(data), start + _LONGEST)):
        byte = data[index]
        number |= (byte & 0x7F) << (7 * (index - start))
        if byte < 0x80:
            if byte == 0 and index > start:
                raise WireError("A number is written longer than needed.")
            return number, index + 1
    if len(data) - start >= _LONGEST:
        raise WireError(f"A number has more than {_LONGEST} bytes.")
    return None
