# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What can be made to go wrong with a fake tor, and which rule applies.
"""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint

from onionp2p.testing import RecordingFactory
from onionp2p.testing.faketor import (
    Cut,
    Delay,
    Die,
    Drop,
    Hang,
    Ignore,
    JoinFirstBytes,
    Refuse,
    Reply,
)
from onionp2p.testing.faketor.faults import Rules
from onionp2p.testing.wire import CLOSED, SocksWire


class TestFaults:
    """
    What can be made to go wrong.
    """

    @pytest.mark.parametrize(
        ("fault", "answer"),
        [
            (Refuse(551, "no"), ["551 no"]),
            (Reply(b"250 what?\r\n"), ["250 what?"]),
            (Reply(b"250-Serv", closes=True), [CLOSED]),
            (Drop(), [CLOSED]),
            (Die(), [CLOSED]),
        ],
    )
    def test_command(self, room: Any, fault: Any, answer: list[str]) -> None:
        """
        A command is answered otherwise, or not at all, and has no effect.
        """
        room.listener.on("ADD_ONION", fault, times=1)
        wire = room.control(room.listener)
        assert room.ask(wire, "ADD_ONION NEW:BEST Port=80") == answer
        assert room.listener.onions.services == {}
        assert room.listener.alive == (not isinstance(fault, Die))

    @pytest.mark.parametrize(("sent", "answer"), [(0, b""), (7, b"250-ver")])
    def test_cut(self, room: Any, sent: int, answer: bytes) -> None:
        """
        One may be obeyed, and the connection closed before the answer, or in the middle of it.
        """
        path = room.listener.doors.names("ControlPort")[0].removeprefix("unix:")
        client = RecordingFactory()
        room.reactor.resultOf(UNIXClientEndpoint(room.reactor, path).connect(client))
        (protocol,) = client.protocols
        room.listener.on("GETINFO version", Cut(sent), times=1)
        protocol.transport.write(b"AUTHENTICATE\r\n")
        room.reactor.advance(0)
        before = len(protocol.received)
        protocol.transport.write(b"GETINFO version\r\n")
        room.reactor.advance(0)
        assert protocol.received[before:] == answer
        assert protocol.lost is not None

    def test_cutAndObeyed(self, room: Any) -> None:
        """
        What it was told to do is done, though nobody hears of it.
        """
        room.listener.on("ADD_ONION", Cut())
        wire = room.control(room.listener)
        assert room.ask(wire, "ADD_ONION NEW:BEST Port=80 Flags=Detach") == [CLOSED]
        assert len(room.listener.onions.services) == 1

    def test_ignored(self, room: Any) -> None:
        """
        One that is ignored does not keep the next from its answer.
        """
        room.listener.on("GETINFO version", Ignore())
        wire = room.control(room.listener)
        wire.send("GETINFO version")
        assert room.ask(wire, "GETINFO dormant") == ["250-dormant=0", "250 OK"]

    def test_delayed(self, room: Any) -> None:
        """
        One that is delayed delays those behind it.
        """
        room.listener.on("GETINFO version", Delay(5))
        wire = room.control(room.listener)
        wire.send("GETINFO version")
        wire.send("GETINFO dormant")
        room.reactor.resultOf(wire.answer())
        room.reactor.resultOf(wire.answer())
        assert room.reactor.seconds() == 5

    def test_frozen(self, room: Any) -> None:
        """
        A frozen tor takes what comes and says nothing, on any connection, old or new; when it
        thaws, all is answered.
        """
        room.serve()
        dialled = room.dial()
        room.receive(dialled, 27)
        old = room.control(room.dialer)
        room.dialer.freeze()
        new = room.knock(room.dialer)
        old.send("GETINFO dormant")
        new.send("AUTHENTICATE")
        dialled.send(b"ping")
        answers = [Deferred.fromCoroutine(wire.answer()) for wire in (old, new)]
        echo = Deferred.fromCoroutine(dialled.receive(4))
        room.reactor.advance(1000)
        assert not echo.called
        assert not any(answer.called for answer in answers)
        room.dialer.thaw()
        assert room.reactor.resultOf(answers[0]) == ["250-dormant=0", "250 OK"]
        assert room.reactor.resultOf(answers[1]) == ["250 OK"]
        assert room.reactor.resultOf(echo) == b"ping"

    def test_hang(self, room: Any) -> None:
        """
        A command may freeze it.
        """
        room.listener.on("GETINFO", Hang(), times=1)
        wire = room.control(room.listener)
        wire.send("GETINFO dormant")
        room.reactor.advance(10)
        assert room.listener.frozen
        room.listener.thaw()
        assert room.reactor.resultOf(wire.answer()) == ["250-dormant=0", "250 OK"]

    @pytest.mark.parametrize("step", ["GREETING", "CREDENTIALS", "CONNECT"])
    def test_socks(self, room: Any, step: str) -> None:
        """
        At each step of SOCKS it may refuse with any code.
        """
        room.dialer.on(f"SOCKS {step}", Refuse(0x99))
        path = room.dialer.doors.names("SocksPort")[0].removeprefix("unix:")
        wire = room.reactor.resultOf(SocksWire.connect(room.reactor, path))
        wire.send(b"\x05\x01\x02")
        wire.send(b"\x01\x01a\x01b")
        wire.send(b"\x05\x01\x00\x03\x07a.onion\x00\x50")
        assert b"\x05\x99\x00\x04" in room.reactor.resultOf(wire.rest())

    def test_counted(self, room: Any) -> None:
        """
        For as many times as it is said, and then no more.
        """
        room.serve()
        room.network.on("SOCKS CONNECT", Refuse(0xF7), times=2)
        assert [room.code() for _ in range(3)] == [0xF7, 0xF7, 0]

    def test_joined(self, room: Any) -> None:
        """
        The reply may come in one packet with the first bytes of the other end.
        """
        room.serve()
        room.dialer.on("SOCKS CONNECT", JoinFirstBytes())
        path = room.dialer.doors.names("SocksPort")[0].removeprefix("unix:")
        client = RecordingFactory()
        room.reactor.resultOf(UNIXClientEndpoint(room.reactor, path).connect(client))
        (protocol,) = client.protocols
        name = f"{room.us.label}.onion".encode()
        request = b"\x05\x01\x00\x03" + bytes([len(name)]) + name + b"\x00\x50"
        for data in (b"\x05\x01\x00", request):
            protocol.transport.write(data)
            room.reactor.advance(0)
        assert protocol.packets == [
            b"\x05\x00",
            b"\x05\x00\x00\x04" + bytes(18) + b"hello",
        ]

    def test_target(self, room: Any) -> None:
        """
        The way from the listener's tor to its program may fail too.
        """
        room.serve()
        room.listener.on(f"TARGET {room.us.label}.onion:80", Refuse(0xF3), times=1)
        assert [room.code() for _ in range(2)] == [0xF3, 0]

    @pytest.mark.parametrize("which", ["listener", "dialer"])
    def test_deathOfEitherTor(self, room: Any, which: str) -> None:
        """
        When one of the two tors dies, both ends of a stream are closed.
        """
        room.serve()
        wire = room.dial()
        room.receive(wire, 27)
        getattr(room, which).die()
        assert room.reactor.resultOf(wire.rest()) == b""
        assert (room.listener.streams, room.dialer.streams) == ([], [])


class TestRules:
    """
    Which rule applies.
    """

    def names(self, rules: Rules, moment: str) -> list[int]:
        """
        Give the codes of what happens.
        """
        return [action.code for action in rules.at(moment) if isinstance(action, Refuse)]

    def test_words(self) -> None:
        """
        A rule is for the moments that begin with its words.
        """
        rules = Rules()
        rules.on("GETINFO version", Refuse(501))
        assert self.names(rules, "GETINFO version") == [501]
        assert self.names(rules, "GETINFO version dormant") == [501]
        assert self.names(rules, "GETINFO dormant") == []
        assert self.names(rules, "GETINFO") == []

    def test_oldestFirst(self) -> None:
        """
        The oldest that applies does, alone, with all its actions; when it is used up or cancelled,
        the next.
        """
        rules = Rules()
        first = rules.on("X", Refuse(501), Refuse(502), times=1)
        second = rules.on("X", Refuse(503))
        rules.on("X", Refuse(504), times=1)
        assert self.names(rules, "X") == [501, 502]
        assert first.spent
        assert self.names(rules, "X") == [503]
        second.cancel()
        assert self.names(rules, "X") == [504]
        assert self.names(rules, "X") == []
