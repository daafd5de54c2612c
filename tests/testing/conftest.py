# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Two fake tors, for the tests of what fake tors do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from twisted.internet.defer import Deferred

from onionp2p.keys import Identity
from onionp2p.testing import FakeNetwork, FakeTor, MemoryReactor, RecordingFactory
from onionp2p.testing.wire import ControlWire, SocksWire


class Room:
    """
    A network of two tors, one that serves and one that dials.

    @cvar us: the onion that is served.
    @ivar program: what listens behind it.
    """

    us = Identity(b"the tests' own onion, not secret")

    def __init__(self, reactor: MemoryReactor) -> None:
        self.reactor = reactor
        self.network = FakeNetwork(reactor)
        self._tors: list[FakeTor] = []
        self.listener, self.dialer = (self.open(name) for name in ("listener", "dialer"))

    def open(self, name: str, torrc: Mapping[str, str] | None = None) -> FakeTor:
        """
        Start a tor.
        """
        ours = {"ControlPort": f"unix:/{name}/control", "SocksPort": f"unix:/{name}/socks"}
        tor = FakeTor(self.reactor, self.network, f"/{name}", {**ours, **(torrc or {})})
        tor.start()
        self._tors.append(tor)
        return tor

    def close(self) -> None:
        """
        End all of it.
        """
        for tor in self._tors:
            self.reactor.resultOf(Deferred.fromCoroutine(tor.end()))

    def knock(self, tor: FakeTor) -> ControlWire:
        """
        Give a control connection that is not let in.
        """
        path = tor.doors.names("ControlPort")[0].removeprefix("unix:")
        return self.reactor.resultOf(ControlWire.connect(self.reactor, path))

    def control(self, tor: FakeTor) -> ControlWire:
        """
        Give a control connection.
        """
        wire = self.knock(tor)
        assert self.ask(wire, "AUTHENTICATE") == ["250 OK"]
        return wire

    def ask(self, wire: ControlWire, command: str) -> list[str]:
        """
        Give the lines of an answer.
        """
        return self.reactor.resultOf(wire.ask(command))

    def serve(self, options: str = "Flags=DiscardPK") -> ControlWire:
        """
        Serve our onion, with a program behind it that says hello.
        """
        self.listen()
        wire = self.control(self.listener)
        assert self.ask(wire, self.addOnion(options))[-1] == "250 OK"
        self.reactor.advance(0)
        return wire

    def listen(self) -> None:
        """
        Start the program behind our onion.
        """
        self.program = RecordingFactory(greeting=b"hello", echoes=True)
        self.reactor.listenUNIX("/target", self.program)

    def addOnion(self, options: str = "Flags=DiscardPK") -> str:
        """
        Give the command that serves our onion.
        """
        return f"ADD_ONION ED25519-V3:{self.us.expanded()} {options} Port=80,unix:/target"

    def dial(
        self,
        port: int = 80,
        *,
        token: bytes = b"token",
        label: str = "",
        tor: FakeTor | None = None,
    ) -> SocksWire:
        """
        Begin to dial it.

        @param label: another onion instead.
        @param tor: by another tor than the one that dials.
        """
        tor = self.dialer if tor is None else tor
        path = tor.doors.names("SocksPort")[0].removeprefix("unix:")
        wire = self.reactor.resultOf(SocksWire.connect(self.reactor, path))
        name = f"{label or self.us.label}.onion".encode()
        wire.send(b"\x05\x01\x02")
        assert self.receive(wire, 2) == b"\x05\x02"
        wire.send(b"\x01\x09<torS0X>0" + bytes([len(token)]) + token)
        assert self.receive(wire, 2) == b"\x01\x00"
        wire.send(b"\x05\x01\x00\x03" + bytes([len(name)]) + name + port.to_bytes(2, "big"))
        return wire

    def join(self, port: int = 80, *, token: bytes = b"token") -> SocksWire:
        """
        Dial it, and give what is joined to the program.
        """
        wire = self.dial(port, token=token)
        assert self.receive(wire, 22)[1] == 0
        return wire

    def isOpen(self, wire: SocksWire) -> bool:
        """
        Whether a byte comes back.
        """
        wire.send(b"?")
        self.reactor.advance(0)
        echo = Deferred.fromCoroutine(wire.receive(1 << 20))
        isOpen = not echo.called
        echo.cancel()
        echo.addErrback(lambda _: None)
        return isOpen

    def receive(self, wire: SocksWire, count: int) -> bytes:
        """
        Give what comes.
        """
        return self.reactor.resultOf(wire.receive(count))

    def code(self, port: int = 80, *, token: bytes = b"token") -> int:
        """
        Dial it, and give the reply's code.
        """
        return self.receive(self.dial(port, token=token), 22)[1]


@pytest.fixture
def room(memory_reactor: MemoryReactor) -> Iterator[Room]:
    """
    Two tors.
    """
    made = Room(memory_reactor)
    yield made
    made.close()
