# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Protocol Buffers, as much as libp2p's few small messages need (protobuf.dev, "Encoding").

A message is fields in any order.  Unknown ones are skipped, the last of several counts where one is
expected, and a known one of the wrong wire type is an error.  Groups, which are deprecated and in
no message of libp2p's, are errors as well.
"""

from __future__ import annotations

from onionp2p.libp2p import varint
from onionp2p.libp2p.errors import WireError

__all__ = ["Message", "bytesField", "numberField"]

_MOST_FIELDS = 1024
_LONGEST_NUMBER = 10  # of a negative one; a varint of multiformats has at most 9
_LARGEST_FIELD = (1 << 29) - 1
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIZES = {_FIXED64: 8, _FIXED32: 4}


def numberField(field: int, number: int) -> bytes:
    """
    Write a field that is an unsigned number.
    """
    return varint.encode(field << 3 | _VARINT) + varint.encode(number)


def bytesField(field: int, value: bytes) -> bytes:
    """
    Write a field that is bytes, text in UTF-8, or a message.
    """
    return varint.encode(field << 3 | _BYTES) + varint.encode(len(value)) + value


class Message:
    """
    The fields of a message.
    """

    def __init__(self, data: bytes) -> None:
        """
        @raise WireError: if C{data} is no message.
        """
        self._fields: dict[int, list[int | bytes | None]] = {}
        position, count = 0, 0
        while position < len(data):
            count += 1
            if count > _MOST_FIELDS:
                raise WireError(f"A message has more than {_MOST_FIELDS} fields.")
            tag, position = _number(data, position)
            field, kind = tag >> 3, tag & 7
            if not 1 <= field <= _LARGEST_FIELD:
                raise WireError("A message has a field of an impossible number.")
            value: int | bytes | None
            if kind == _VARINT:
                value, position = _number(data, position)
            else:
                if kind == _BYTES:
                    size, position = _number(data, position)
                elif kind in _SIZES:
                    size = _SIZES[kind]
                else:
                    raise WireError("A message has a field of an unknown type.")
                if size > len(data) - position:
                    raise WireError("A message ends within a field.")
                # None of our messages has a field of a fixed size.
                value = data[position : position + size] if kind == _BYTES else None
                position += size
            self._fields.setdefault(field, []).append(value)

    def number(self, field: int) -> int | None:
        """
        Give the last value of a field that is an unsigned number; L{None} if it is not there.

        @raise WireError: if it is something else.
        """
        number = None
        for value in self._fields.get(field, []):
            if not isinstance(value, int):
                raise WireError(f"Field {field} of a message is no number.")
            number = value
        return number

    def all(self, field: int) -> list[bytes]:
        """
        Give the values of a field that is bytes, in order.

        @raise WireError: if one is something else.
        """
        found = []
        for value in self._fields.get(field, []):
            if not isinstance(value, bytes):
                raise WireError(f"Field {field} of a message is no string of bytes.")
            found.append(value)
        return found

    def last(self, field: int) -> bytes | None:
        """
        Give the last value of a field that is bytes; L{None} if it is not there.

        @raise WireError: if it is something else.
        """
        values = self.all(field)
        return values[-1] if values else None

    def texts(self, field: int) -> list[str]:
        """
        Give the values of a field that is text, in order.

        @raise WireError: if one is something else.
        """
        try:
            return [value.decode("utf-8") for value in self.all(field)]
        except UnicodeDecodeError:
            raise WireError(f"Field {field} of a message is no text.") from None


def _number(data: bytes, start: int) -> tuple[int, int]:
    """
    Read a number: unlike multiformats', it may be longer than needed.
    """
    number = 0
    for index in range(start, min(len(data), start + _LONGEST_NUMBER)):
        number |= (data[index] & 0x7F) << (7 * (index - start))
        if data[index] < 0x80:
            return number & 0xFFFF_FFFF_FFFF_FFFF, index + 1
    raise WireError("A message has a number that does not end.")
