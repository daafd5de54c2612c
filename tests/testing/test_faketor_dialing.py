# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What comes of a dial through a fake tor.
"""

from __future__ import annotations

from base64 import b32encode, b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from onionp2p.testing.faketor import Delay, Ignore

PEER = X25519PrivateKey.from_private_bytes(bytes(range(32)))
PEER_PRIVATE = b64encode(PEER.private_bytes_raw()).decode()
PEER_PUBLIC = b32encode(PEER.public_key().public_bytes_raw()).decode().rstrip("=")


class TestDialing:
    """
    What comes of a dial.
    """

    def test_connected(self, room: Any) -> None:
        """
        The dialer is joined to the program behind the onion, wherever in the network that is.
        """
        room.serve()
        wire = room.dial()
        assert room.receive(wire, 27) == b"\x05\x00\x00\x04" + bytes(18) + b"hello"
        wire.send(b"echo")
        assert room.receive(wire, 4) == b"echo"
        (record,) = room.network.dials
        assert (record.tor, record.host, record.port) == (room.dialer, f"{room.us.label}.onion", 80)

    def test_neverServed(self, room: Any) -> None:
        """
        An onion that nobody has published is not found.
        """
        assert room.code() == 0xF0

    def test_descriptorLost(self, room: Any) -> None:
        """
        So is one that the directories have lost.
        """
        room.serve()
        room.network.loseDescriptor(room.us.label)
        assert room.code() == 0xF0

    def test_withdrawn(self, room: Any) -> None:
        """
        One that was withdrawn is found in the directories still, and does not answer.
        """
        wire = room.serve()
        room.ask(wire, f"DEL_ONION {room.us.label}")
        assert room.code() == 0xF2

    def test_forgotten(self, room: Any) -> None:
        """
        So does one that its tor has forgotten.
        """
        wire = room.serve()
        room.listener.onions.withdraw(room.us.label)
        assert room.code() == 0xF2
        assert room.ask(wire, "GETINFO onions/current")[0] == "250-onions/current="

    def test_torDied(self, room: Any) -> None:
        """
        And one whose tor has died.
        """
        room.serve()
        room.listener.die()
        assert room.code() == 0xF2

    def test_wrongPort(self, room: Any) -> None:
        """
        A port that it does not serve is refused.
        """
        room.serve()
        assert room.code(81) == 0x05

    def test_programGone(self, room: Any) -> None:
        """
        Where nobody listens at the target, that is told.
        """
        wire = room.control(room.listener)
        key = room.us.expanded()
        room.ask(wire, f"ADD_ONION ED25519-V3:{key} Flags=DiscardPK Port=80,unix:/nobody")
        assert room.code() == 0x01

    def test_notBootstrapped(self, room: Any) -> None:
        """
        A dial waits for the bootstrap, 120 s at most.
        """
        room.serve()
        room.dialer = room.open("fresh")
        room.dialer.on("BOOTSTRAP 100", Delay(119), times=1)
        assert room.code() == 0
        assert room.reactor.seconds() == 119
        room.dialer = room.open("another")
        room.dialer.on("BOOTSTRAP 100", Ignore())
        assert room.code() == 0x06
        assert room.reactor.seconds() == 119 + 120

    def test_noKey(self, room: Any) -> None:
        """
        An onion that lets in only some asks for a key.
        """
        room.serve(f"Flags=V3Auth,DiscardPK ClientAuthV3={PEER_PUBLIC}")
        assert room.code() == 0xF4

    @pytest.mark.parametrize(("private", "code"), [(PEER_PRIVATE, 0), ("A" * 43 + "=", 0xF5)])
    def test_key(self, room: Any, private: str, code: int) -> None:
        """
        Who has the right one gets in, and who has another does not.
        """
        room.serve(f"Flags=V3Auth,DiscardPK ClientAuthV3={PEER_PUBLIC}")
        room.ask(
            room.control(room.dialer), f"ONION_CLIENT_AUTH_ADD {room.us.label} x25519:{private}"
        )
        assert room.code() == code
