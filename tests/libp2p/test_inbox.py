# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What has come and is not read yet.
"""

from __future__ import annotations

from twisted.internet.task import Clock

from onionp2p.libp2p.inbox import Inbox


class Reader:
    """Reads an inbox, and notes what it gets."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.got: list[bytes] = []
        self.count = 0
        self.ends = 0
        self.inbox = Inbox(self.clock, self.got.append, self.counted, self.ended)

    def counted(self, count: int) -> None:
        self.count += count

    def ended(self) -> None:
        self.ends += 1


def test_order() -> None:
    """
    What comes after reading has begun again, and before what was kept is read, waits behind it.
    """
    reader = Reader()
    reader.inbox.add(b"1")
    reader.inbox.stop()
    reader.inbox.add(b"2")
    reader.inbox.start()
    reader.inbox.add(b"3")
    reader.inbox.end()
    assert reader.got[0] == b"1"
    reader.clock.advance(0)
    assert b"".join(reader.got) == b"123"
    assert (reader.count, reader.ends) == (3, 1)
    reader.inbox.start()
    reader.clock.advance(0)
    assert reader.ends == 1
    assert reader.clock.getDelayedCalls() == []


def test_pieces() -> None:
    """
    What was kept comes in pieces that are not too large, however much it is.
    """
    reader = Reader()
    reader.inbox.stop()
    for _ in range(1000):
        reader.inbox.add(bytes(200))
    assert len(reader.inbox) == 200_000
    reader.inbox.start()
    reader.clock.advance(0)
    assert [len(each) for each in reader.got] == [65536, 65536, 65536, 3392]
    assert len(reader.inbox) == 0


def test_clear() -> None:
    """
    Nothing comes after the end.
    """
    reader = Reader()
    reader.inbox.stop()
    reader.inbox.add(b"x")
    reader.inbox.start()
    reader.inbox.clear()
    assert reader.clock.getDelayedCalls() == []
    reader.inbox.add(b"y")
    reader.inbox.end()
    assert (reader.got, reader.ends) == ([], 0)
