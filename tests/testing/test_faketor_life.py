# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What happens to a fake tor, and how it ends.
"""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from onionp2p.keys import Identity
from onionp2p.testing.faketor import Fail
from onionp2p.testing.wire import CLOSED, ControlWire


class TestEnd:
    """
    How it ends.
    """

    @pytest.mark.parametrize("command", ["SIGNAL SHUTDOWN", "SIGNAL HALT", "SIGNAL TERM"])
    def test_signal(self, room: Any, command: str) -> None:
        """
        By a signal, after the answer.
        """
        wire = room.control(room.listener)
        assert room.ask(wire, command) == ["250 OK"]
        assert room.reactor.resultOf(wire.answer()) == [CLOSED]
        assert not room.listener.alive

    def test_ownership(self, room: Any) -> None:
        """
        With the connection that owns it.
        """
        wire = room.control(room.listener)
        room.ask(wire, "TAKEOWNERSHIP")
        room.reactor.resultOf(wire.close())
        room.reactor.advance(0)
        assert not room.listener.alive

    def test_frozen(self, room: Any) -> None:
        """
        A frozen one is killed after 3 s by those who launched it.
        """
        room.listener.freeze()
        room.reactor.resultOf(Deferred.fromCoroutine(room.listener.end()))
        assert (room.reactor.seconds(), room.listener.alive) == (3, False)


class TestOutage:
    """
    When the network brings nothing.
    """

    def told(self, room: Any, events: str) -> list[ControlWire]:
        """
        Give a control connection to each tor, which asks for events.
        """
        wires = [room.control(tor) for tor in (room.listener, room.dialer)]
        for wire in wires:
            room.ask(wire, f"SETEVENTS {events}")
        return wires

    def test_silence(self, room: Any) -> None:
        """
        Streams are silent and dials wait, for as long as it lasts; then all goes on.
        """
        room.serve()
        stream = room.join()
        room.receive(stream, 5)  # the greeting
        room.network.goDown()
        stream.send(b"ping")
        echo = Deferred.fromCoroutine(stream.receive(4))
        reply = Deferred.fromCoroutine(room.dial(token=b"fresh").receive(22))
        room.reactor.advance(1000)
        assert (echo.called, reply.called) == (False, False)
        room.network.comeBack()
        assert room.reactor.resultOf(echo) == b"ping"
        assert room.reactor.resultOf(reply)[1] == 0

    def test_twoReasons(self, room: Any) -> None:
        """
        A stream is silent while there is any reason for it.
        """
        room.serve()
        stream = room.join()
        room.receive(stream, 5)  # the greeting
        room.network.goDown()
        room.listener.freeze()
        stream.send(b"ping")
        echo = Deferred.fromCoroutine(stream.receive(4))
        room.network.comeBack()
        room.reactor.advance(0)
        assert not echo.called
        room.listener.thaw()
        assert room.reactor.resultOf(echo) == b"ping"

    def test_liveness(self, room: Any) -> None:
        """
        After a minute tor says that the network is down, and at its return that it is up; circuits
        count as established all the time.  A shorter outage it doesn't notice.
        """
        wires = self.told(room, "NETWORK_LIVENESS STATUS_CLIENT")
        keys = "network-liveness status/circuit-established"
        for seconds, state in [(59, "up"), (61, "down")]:
            room.network.goDown()
            room.reactor.advance(seconds)
            for wire in wires:
                assert room.ask(wire, f"GETINFO {keys}") == [
                    f"250-network-liveness={state}",
                    "250-status/circuit-established=1",
                    "250 OK",
                ]
            room.network.comeBack()
            room.reactor.advance(0)
        for wire in wires:
            room.ask(wire, "GETINFO version")
            assert wire.events == ["650 NETWORK_LIVENESS DOWN", "650 NETWORK_LIVENESS UP"]

    def test_publication(self, room: Any) -> None:
        """
        What is to be published meanwhile is uploaded when it comes back.
        """
        wire, _ = self.told(room, "HS_DESC")
        room.network.goDown()
        room.ask(wire, room.addOnion())
        room.reactor.advance(100)
        room.ask(wire, "GETINFO version")
        assert [event.split()[2] for event in wire.events] == ["CREATED"]
        room.network.comeBack()
        room.reactor.advance(0)
        room.ask(wire, "GETINFO version")
        assert wire.events[-1].split()[2] == "UPLOADED"

    def test_started(self, room: Any) -> None:
        """
        A tor that is started meanwhile bootstraps when it comes back, and one that ends is gone.
        """
        room.network.goDown()
        fresh, another = room.open("fresh"), room.open("another")
        another.die()
        room.reactor.advance(100)
        assert not fresh.bootstrap.done
        room.network.comeBack()
        room.reactor.advance(0)
        assert fresh.bootstrap.done

    def test_directories(self, room: Any) -> None:
        """
        When only the directories are gone, uploads and lookups fail, as the test says why.
        """
        wire, other = self.told(room, "HS_DESC")
        room.network.on("UPLOAD", Fail("UPLOAD_REJECTED"))
        room.network.on("FETCH", Fail("QUERY_REJECTED"))
        room.ask(wire, room.addOnion())
        room.reactor.advance(0)
        room.ask(wire, "GETINFO version")
        uploads = [event for event in wire.events if event.split()[2] == "FAILED"]
        assert len(uploads) == 6
        assert all(event.endswith(" REASON=UPLOAD_REJECTED") for event in uploads)
        assert room.code() == 0xF0
        room.ask(other, "GETINFO version")
        assert other.events[-1].endswith(" REASON=QUERY_REJECTED")


def test_clock(room: Any) -> None:
    """
    When its clock is set, it says so, and that circuits are established again a moment later; the
    next dial goes by another circuit, and streams live on.
    """
    room.serve()
    stream = room.join()
    wire = room.control(room.dialer)
    room.ask(wire, "SETEVENTS STATUS_GENERAL STATUS_CLIENT")
    room.dialer.jumpClock(-3600)
    room.reactor.advance(0)
    asked = "GETINFO status/circuit-established"
    assert room.ask(wire, asked)[0] == "250-status/circuit-established=0"
    room.reactor.advance(1)
    assert room.ask(wire, asked)[0] == "250-status/circuit-established=1"
    assert wire.events == [
        "650 STATUS_GENERAL WARN CLOCK_JUMPED TIME=-3600 IDLE=0",
        "650 STATUS_CLIENT NOTICE CIRCUIT_NOT_ESTABLISHED REASON=CLOCK_JUMPED",
        "650 STATUS_CLIENT NOTICE CIRCUIT_ESTABLISHED",
    ]
    room.join()
    assert len(list(room.dialer.circuits)) == 2
    assert room.isOpen(stream)


class TestEverything:
    """
    What a good guest compares before and after.
    """

    def dump(self, room: Any, wire: ControlWire) -> dict[str, list[str]]:
        """
        Give all that can be asked for.
        """
        infos = [line.split()[0] for line in room.ask(wire, "GETINFO info/names")[1:-2]]
        names = [line.split()[0] for line in room.ask(wire, "GETINFO config/names")[1:-2]]
        asked = [f"GETINFO {key}" for key in infos if "*" not in key]
        return {each: room.ask(wire, each) for each in asked + [f"GETCONF {key}" for key in names]}

    def test_same(self, room: Any) -> None:
        """
        Each question has an answer, which stays the same while nothing happens.
        """
        wire = room.serve()
        room.join()
        before = self.dump(room, wire)
        assert len(before) > 80
        assert all(answer[-1].startswith("250 ") for answer in before.values())
        assert self.dump(room, wire) == before

    def test_changes(self, room: Any) -> None:
        """
        What a guest did is seen.
        """
        wire, guest = room.control(room.listener), room.control(room.listener)
        before = self.dump(room, wire)
        room.ask(guest, "ADD_ONION NEW:BEST Flags=DiscardPK,Detach Port=80")
        room.ask(guest, "SETCONF ContactInfo=guest")
        after = self.dump(room, wire)
        assert {key for key in before if before[key] != after[key]} == {
            "GETINFO onions/detached",
            "GETINFO config-text",
            "GETCONF ContactInfo",
        }


class TestDataBlocks:
    """
    Commands of several lines.
    """

    def test_loadConf(self, room: Any) -> None:
        """
        LOADCONF replaces the whole configuration, or nothing.
        """
        wire = room.control(room.listener)
        room.ask(wire, "SETCONF ContactInfo=me")
        ports = "ControlPort unix:/listener/control\r\nSocksPort unix:/listener/socks"
        load = f"+LOADCONF\r\nNickname x\r\n{ports}"
        assert room.ask(wire, f"{load}\r\n.") == [
            (
                "553 Transition not allowed: Failed to parse/validate config: While Tor is running,"
                " changing DataDirectory is not allowed"
            )
        ]
        assert room.ask(wire, "GETCONF ContactInfo Nickname") == [
            "250-ContactInfo=me",
            "250 Nickname",
        ]
        assert room.ask(wire, f"{load}\r\nDataDirectory /listener\r\n.") == ["250 OK"]
        assert room.ask(wire, "GETCONF ContactInfo Nickname") == [
            "250-ContactInfo",
            "250 Nickname=x",
        ]

    def test_forgotten(self, room: Any) -> None:
        """
        To HSPOST without an address tor gives no answer; it answers the next command.
        """
        wire = room.control(room.listener)
        wire.send("+HSPOST\r\nfoo\r\n.")
        assert room.ask(wire, "GETINFO dormant") == ["250-dormant=0", "250 OK"]

    def test_lockedOut(self, room: Any) -> None:
        """
        Those who are not let in are answered as ever.
        """
        wire = room.knock(room.listener)
        label = Identity(bytes(32)).label
        answer = room.ask(wire, f"+HSPOST HSADDRESS={label}\r\nfoo\r\n.")
        assert answer == ["514 Authentication required."]
