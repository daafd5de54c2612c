# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Numbers and messages, written and read.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionp2p.libp2p import varint
from onionp2p.libp2p.errors import WireError
from onionp2p.libp2p.wire import Message, bytesField, numberField

# The examples of multiformats' unsigned-varint specification.
NUMBERS = {
    1: "01",
    127: "7f",
    128: "8001",
    255: "ff01",
    300: "ac02",
    16384: "808001",
    (1 << 63) - 1: "ffffffffffffffff7f",
}


@pytest.mark.parametrize(("number", "text"), NUMBERS.items())
def test_published(number: int, text: str) -> None:
    """
    The specification's examples.
    """
    data = bytes.fromhex(text)
    assert varint.encode(number) == data
    assert varint.decode(data) == (number, len(data))


@given(number=st.integers(0, (1 << 63) - 1), before=st.binary(), after=st.binary())
def test_numbers(number: int, before: bytes, after: bytes) -> None:
    """
    A number is found where it begins, whatever is around it, and of less than all of it nothing.
    """
    written = varint.encode(number)
    end = len(before) + len(written)
    assert varint.decode(before + written + after, len(before)) == (number, end)
    assert all(varint.decode(written[:size]) is None for size in range(len(written)))


@pytest.mark.parametrize("number", [-1, 1 << 63])
def test_numbersThatCannotBeWritten(number: int) -> None:
    """
    There is no varint of nine bytes for it.
    """
    with pytest.raises(ValueError, match="from 0 to"):
        varint.encode(number)


@pytest.mark.parametrize("text", ["8000", "ff00", "808080808080808080", "ffffffffffffffffff01"])
def test_numbersThatAreNone(text: str) -> None:
    """
    What is longer than needed, or than nine bytes, is refused, as soon as that can be told.
    """
    with pytest.raises(WireError):
        varint.decode(bytes.fromhex(text))


def test_message() -> None:
    """
    Fields come in any order; of a field that is there several times, the last counts, or all.
    """
    message = Message(
        bytesField(2, b"early")
        + numberField(1, 300)
        + bytesField(3, "één".encode())
        + bytesField(2, b"late")
        + numberField(1, 7)
    )
    assert (message.number(1), message.last(2), message.all(2)) == (7, b"late", [b"early", b"late"])
    assert message.texts(3) == ["één"]
    assert (message.number(9), message.last(9), message.all(9), message.texts(9)) == (
        None,
        None,
        [],
        [],
    )


UNKNOWN = [
    numberField(15, 5),
    bytesField(15, b"x" * 300),
    bytes([15 << 3 | 1]) + bytes(8),
    bytes([15 << 3 | 5]) + bytes(4),
    bytes([15 << 3]) + b"\xff" * 9 + b"\x01",  # -1, which takes ten bytes
    bytes([15 << 3, 0x85, 0x00]),  # longer than needed, as protobuf allows
]


@pytest.mark.parametrize("unknown", UNKNOWN)
def test_unknownFieldsAreSkipped(unknown: bytes) -> None:
    """
    What a later version may add is no error.
    """
    message = Message(unknown + numberField(1, 1) + unknown)
    assert message.number(1) == 1


@pytest.mark.parametrize("unknown", UNKNOWN)
def test_cut(unknown: bytes) -> None:
    """
    A message that ends within a field is refused.
    """
    for size in range(1, len(unknown)):
        with pytest.raises(WireError):
            Message(unknown[:size])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bytes([1 << 3 | 3]), "type"),
        (bytes([1 << 3 | 4]), "type"),
        (bytes([1 << 3 | 7]), "type"),
        (b"\x00\x01", "impossible number"),
        (b"\x80\x80\x80\x80\x10\x01", "impossible number"),
        (bytesField(1, b"x")[:-1], "within"),
        (bytes([1 << 3 | 2]) + b"\xff" * 9 + b"\x01", "within"),
        (numberField(1, 1) * 1025, "more than 1024 fields"),
    ],
)
def test_malformed(data: bytes, reason: str) -> None:
    """
    What is no message is refused, with a reason.
    """
    with pytest.raises(WireError, match=reason):
        Message(data)


def test_wrongType() -> None:
    """
    A field that is known must be of its type, each time that it is there.
    """
    message = Message(numberField(1, 1) + bytesField(2, b"\xff") + bytes([3 << 3 | 5]) + bytes(4))
    for asked in (
        lambda: message.last(1),
        lambda: message.number(2),
        lambda: message.number(3),
        lambda: message.last(3),
        lambda: message.texts(2),
    ):
        with pytest.raises(WireError, match="Field"):
            asked()
    twice = Message(bytesField(1, b"") + numberField(1, 1))
    with pytest.raises(WireError, match="Field"):
        twice.number(1)
