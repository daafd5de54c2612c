# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What a fake tor tells its controllers.
"""

from __future__ import annotations

from typing import Any

from onionp2p.testing import MemoryReactor
from onionp2p.testing.faketor import Delay, Fail, Stall
from onionp2p.testing.faketor.publishing import DIRECTORIES


class TestEvents:
    """
    What controllers are told.
    """

    def test_publication(self, room: Any) -> None:
        """
        Each upload is told of when it begins and when it ends, after the answer to the command.
        """
        wire = room.control(room.listener)
        room.ask(wire, "SETEVENTS HS_DESC")
        room.listener.on(f"UPLOAD {room.us.label}", Fail("UPLOAD_REJECTED"), times=1)
        room.ask(wire, f"ADD_ONION ED25519-V3:{room.us.expanded()} Flags=DiscardPK Port=80")
        assert wire.events == []
        room.ask(wire, "GETINFO version")
        words = [event.split() for event in wire.events]
        assert {word[1] for word in words} == {"HS_DESC"}
        actions = [word[2] for word in words]
        assert actions == ["CREATED", *["UPLOAD"] * 6, "FAILED", *["UPLOADED"] * 5]
        assert [word[5] for word in words[1:7]] == DIRECTORIES
        assert wire.events[7].endswith("REASON=UPLOAD_REJECTED")

    def test_bootstrap(self, memory_reactor: MemoryReactor, room: Any) -> None:
        """
        So is each step of the bootstrap, and what keeps it from going on.
        """
        fresh = room.open("fresh")
        fresh.on("BOOTSTRAP", Delay(1), times=2)
        fresh.on("BOOTSTRAP 14", Stall("Connection refused", reason="CONNECTREFUSED", seconds=2))
        wire = room.control(fresh)
        room.ask(wire, "SETEVENTS STATUS_CLIENT")
        memory_reactor.advance(10)
        room.ask(wire, "GETINFO version")
        assert wire.events[0] == (
            '650 STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=5 TAG=conn SUMMARY="Connecting to a relay"'
        )
        assert wire.events[2].startswith(
            "650 STATUS_CLIENT WARN BOOTSTRAP PROGRESS=10 TAG=conn_done"
            ' SUMMARY="Connected to a relay" WARNING="Connection refused" REASON=CONNECTREFUSED'
        )
        assert wire.events[-1] == "650 STATUS_CLIENT NOTICE CIRCUIT_ESTABLISHED"

    def test_lookUp(self, room: Any) -> None:
        """
        A dialer's tor tells of its lookups, and so does HSFETCH.
        """
        wire = room.control(room.dialer)
        room.ask(wire, "SETEVENTS HS_DESC")
        room.code()
        room.serve()
        room.ask(wire, f"HSFETCH {room.us.label}")
        room.reactor.advance(0)
        room.ask(wire, "GETINFO version")
        actions = [event.split()[2] for event in wire.events]
        assert actions == ["REQUESTED", "FAILED"] * 6 + ["REQUESTED", "RECEIVED"]
        assert wire.events[1].endswith("REASON=NOT_FOUND")

    def test_unasked(self, room: Any) -> None:
        """
        Who did not ask for an event is not told.
        """
        wire = room.serve()
        room.ask(wire, "GETINFO version")
        assert wire.events == []
