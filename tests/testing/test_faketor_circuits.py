# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What the streams of one circuit share on a network of fake tors, as measured between real ones.
"""

from __future__ import annotations

from base64 import b32encode, b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from twisted.internet.defer import Deferred

from onionp2p.testing import FakeTor
from onionp2p.testing.faketor import Delay, Refuse


class TestWithdrawing:
    """
    What DEL_ONION does to those who are connected.
    """

    def test_replaced(self, room: Any) -> None:
        """
        Sent together with an ADD_ONION of the same key, nothing: streams live on, and new ones are
        taken on old circuits and fresh ones.
        """
        wire = room.serve()
        stream = room.join()
        wire.send(f"DEL_ONION {room.us.label}")
        wire.send(room.addOnion())
        for _ in range(2):
            assert room.reactor.resultOf(wire.answer())[-1] == "250 OK"
        assert room.ask(wire, "GETINFO onions/current")[0].endswith(room.us.label)
        assert (room.code(), room.code(token=b"fresh")) == (0, 0)
        assert room.isOpen(stream)

    def test_replacementOutlives(self, room: Any) -> None:
        """
        What another connection serves in its place is not withdrawn with the first one.
        """
        first = room.serve()
        room.ask(first, f"DEL_ONION {room.us.label}")
        second = room.control(room.listener)
        room.ask(second, room.addOnion())
        room.reactor.resultOf(first.close())
        room.reactor.advance(0)
        assert room.code() == 0

    def test_alone(self, room: Any) -> None:
        """
        Alone, it ends the streams of a circuit when the next is asked for there; other circuits
        live on, and fresh ones lead nowhere.
        """
        wire = room.serve()
        stream, other = room.join(), room.join(token=b"other")
        room.ask(wire, f"DEL_ONION {room.us.label}")
        assert room.isOpen(stream)
        assert room.code() == 0x01
        assert (room.isOpen(stream), room.isOpen(other)) == (False, True)
        assert (room.code(), room.code(token=b"fresh")) == (0xF2, 0xF2)

    def test_morePorts(self, room: Any) -> None:
        """
        An onion may have several ports; those that lead nowhere leave the circuit's streams alone.
        """
        room.listen()
        wire = room.control(room.listener)
        ports = "Port=81,unix:/target Port=82,unix:/nobody"
        assert room.ask(wire, f"{room.addOnion()} {ports}")[-1] == "250 OK"
        room.reactor.advance(0)
        stream = room.join()
        assert [room.code(port) for port in (80, 81, 82, 83)] == [0, 0, 0x01, 0x05]
        assert room.isOpen(stream)


class TestMaxStreams:
    """
    How many streams a circuit may have.
    """

    def test_refused(self, room: Any) -> None:
        """
        One too many is refused, on that circuit, until another has ended.
        """
        room.serve("Flags=DiscardPK MaxStreams=2")
        first, second = room.join(), room.join()
        assert (room.code(), room.code(token=b"other")) == (0x05, 0)
        room.reactor.resultOf(first.close())
        room.reactor.advance(0)
        assert room.code() == 0
        assert room.isOpen(second)

    def test_closed(self, room: Any) -> None:
        """
        With C{MaxStreamsCloseCircuit}, it ends the others of its circuit too, and a next dial goes
        by another one.
        """
        room.serve("Flags=DiscardPK,MaxStreamsCloseCircuit MaxStreams=2")
        streams = [room.join() for _ in range(2)]
        other = room.join(token=b"other")
        assert room.code() == 0x05
        assert [room.isOpen(stream) for stream in [*streams, other]] == [False, False, True]
        assert room.code() == 0

    def test_atOnce(self, room: Any) -> None:
        """
        Those that are not connected yet count too.
        """
        room.serve("Flags=DiscardPK MaxStreams=2")
        room.join()
        room.listener.on("TARGET", Delay(1))
        dials = [room.dial() for _ in range(3)]
        replies = [Deferred.fromCoroutine(dial.receive(22)) for dial in dials]
        codes = sorted(room.reactor.resultOf(reply)[1] for reply in replies)
        assert codes == [0, 0x05, 0x05]


class TestSharing:
    """
    Which dials share a circuit.
    """

    def test_introductions(self, room: Any) -> None:
        """
        Those of one isolation: they need no introduction when it fails for others, until they are
        told to be others by NEWNYM.
        """
        room.serve()
        stream = room.join()
        room.dialer.on("INTRODUCTION", Refuse(0xF7))
        assert (room.code(), room.code(token=b"fresh")) == (0, 0xF7)
        room.ask(room.control(room.dialer), "SIGNAL NEWNYM")
        assert room.code() == 0xF7
        assert room.isOpen(stream)

    def test_seen(self, room: Any) -> None:
        """
        C{GETINFO} lists circuits at both ends, and streams where they were dialled.
        """
        room.serve()
        room.join()
        room.join()
        for tor, purpose in [(room.listener, "HS_SERVICE_REND"), (room.dialer, "HS_CLIENT_REND")]:
            wire = room.control(tor)
            (line, _) = room.ask(wire, "GETINFO circuit-status")
            assert f"PURPOSE={purpose} " in line
            assert f"REND_QUERY={room.us.label} " in line
        lines = room.ask(room.control(room.dialer), "GETINFO stream-status")[1:-2]
        assert [line.split(maxsplit=1)[1] for line in lines] == [
            f"SUCCEEDED 65534 {room.us.label}.onion:80"
        ] * 2
        empty = room.ask(room.control(room.listener), "GETINFO stream-status")
        assert empty == ["250-stream-status=", "250 OK"]

    @pytest.mark.parametrize("which", ["listener", "dialer"])
    def test_closed(self, room: Any, which: str) -> None:
        """
        CLOSECIRCUIT, at either end, ends the streams of one circuit.
        """
        room.serve()
        streams = [room.join(), room.join(), room.join(token=b"other")]
        tor: FakeTor = getattr(room, which)
        wire = room.control(tor)
        number = tor.circuits.numbered[0][0]
        assert room.ask(wire, f"CLOSECIRCUIT {number}") == ["250 OK"]
        assert [room.isOpen(stream) for stream in streams] == [False, False, True]
        assert room.ask(wire, f"CLOSECIRCUIT {number}") == [f'552 Unknown circuit "{number}"']


def clientKey(number: int) -> tuple[str, str]:
    """
    Give a client's key: its public half as the service's tor takes it, its private one as the
    client's does.
    """
    key = X25519PrivateKey.from_private_bytes(bytes([number]) * 32)
    public = b32encode(key.public_key().public_bytes_raw()).decode().rstrip("=")
    return public, b64encode(key.private_bytes_raw()).decode()


class TestAuthorization:
    """
    Clients whose authorization is revoked.
    """

    def test_revoked(self, room: Any) -> None:
        """
        Their open streams live on, and they can open more on a circuit that they have, until they
        have asked for a descriptor again; fresh circuits they get none.
        """
        (ours, private), (others, _) = clientKey(1), clientKey(2)
        wire = room.serve(f"Flags=V3Auth,DiscardPK ClientAuthV3={ours} ClientAuthV3={others}")
        add = f"ONION_CLIENT_AUTH_ADD {room.us.label} x25519:{private}"
        assert room.ask(room.control(room.dialer), add) == ["250 OK"]
        stream = room.join()
        wire.send(f"DEL_ONION {room.us.label}")
        room.ask(wire, room.addOnion(f"Flags=V3Auth,DiscardPK ClientAuthV3={others}"))
        room.reactor.advance(0)
        assert [room.code(), room.code(token=b"fresh"), room.code()] == [0, 0xF5, 0xF5]
        assert room.isOpen(stream)

    def test_keyRemoved(self, room: Any) -> None:
        """
        Who removes its own key can open no more streams at all.
        """
        ours, private = clientKey(1)
        room.serve(f"Flags=V3Auth,DiscardPK ClientAuthV3={ours}")
        wire = room.control(room.dialer)
        room.ask(wire, f"ONION_CLIENT_AUTH_ADD {room.us.label} x25519:{private}")
        stream = room.join()
        room.ask(wire, f"ONION_CLIENT_AUTH_REMOVE {room.us.label}")
        assert room.code() == 0xF4
        assert room.isOpen(stream)


def test_withoutPow(room: Any) -> None:
    """
    A tor that knows nothing of proof of work says so.
    """
    tor = FakeTor(
        room.reactor, room.network, "/old", {"ControlPort": "unix:/old/control"}, hasPow=False
    )
    tor.start()
    answer = room.ask(room.control(tor), room.addOnion("Flags=DiscardPK PoWDefensesEnabled=1"))
    assert answer == [
        '512 Bad arguments to ADD_ONION: Unrecognized keyword argument "PoWDefensesEnabled"'
    ]
    room.reactor.resultOf(Deferred.fromCoroutine(tor.end()))
