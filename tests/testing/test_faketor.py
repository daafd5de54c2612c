"""
The tor that only pretends: what it does for those who dial and listen, and what can go wrong.
"""

from __future__ import annotations

import subprocess
import sys
from base64 import b32encode, b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint, clientFromString, serverFromString
from twisted.internet.task import deferLater

from onionp2p.keys import Identity
from onionp2p.testing import FakeNetwork, FakeTor, MemoryReactor, RecordingFactory
from onionp2p.testing.faketor import (
    Delay,
    Die,
    Drop,
    Fail,
    Hang,
    Ignore,
    JoinFirstBytes,
    Refuse,
    Reply,
    Stall,
)
from onionp2p.testing.faketor.ed25519 import expand, publicKey
from onionp2p.testing.faketor.faults import Rules
from onionp2p.testing.faketor.publishing import DIRECTORIES
from onionp2p.testing.wire import CLOSED, ControlWire, SocksWire

US = Identity(b"the tests' own onion, not secret")
PEER = X25519PrivateKey.from_private_bytes(bytes(range(32)))
PEER_PRIVATE = b64encode(PEER.private_bytes_raw()).decode()
PEER_PUBLIC = b32encode(PEER.public_key().public_bytes_raw()).decode().rstrip("=")


class Room:
    """
    A network of two tors, one that serves and one that dials.
    """

    def __init__(self, reactor: MemoryReactor) -> None:
        self.reactor = reactor
        self.network = FakeNetwork(reactor)
        self._tors: list[FakeTor] = []
        self.listener, self.dialer = (self.open(name) for name in ("listener", "dialer"))

    def open(self, name: str) -> FakeTor:
        """
        Start a tor.
        """
        tor = FakeTor(self.reactor, self.network, f"/{name}")
        tor.doors.openControl(f"/{name}/control", owner=True)
        tor.doors.openSocks(f"/{name}/socks")
        tor.start()
        self._tors.append(tor)
        return tor

    def close(self) -> None:
        """
        End all of it.
        """
        for tor in self._tors:
            self.reactor.resultOf(Deferred.fromCoroutine(tor.end()))

    def control(self, tor: FakeTor) -> ControlWire:
        """
        Give a control connection.
        """
        (path,) = tor.doors.controlPaths
        return self.reactor.resultOf(ControlWire.connect(self.reactor, path))

    def ask(self, wire: ControlWire, command: str) -> list[str]:
        """
        Give the lines of an answer.
        """
        return self.reactor.resultOf(wire.ask(command))

    def serve(self, options: str = "Flags=DiscardPK") -> ControlWire:
        """
        Serve our onion, with a program behind it that says hello.
        """
        self.reactor.listenUNIX("/target", RecordingFactory(greeting=b"hello", echoes=True))
        wire = self.control(self.listener)
        command = f"ADD_ONION ED25519-V3:{US.expanded()} {options} Port=80,unix:/target"
        assert self.ask(wire, command)[-1] == "250 OK"
        self.reactor.advance(0)
        return wire

    def dial(self, port: int = 80) -> SocksWire:
        """
        Begin to dial it.
        """
        (path,) = self.dialer.doors.socksPaths
        wire = self.reactor.resultOf(SocksWire.connect(self.reactor, path))
        name = f"{US.label}.onion".encode()
        wire.send(b"\x05\x01\x00")
        assert self.receive(wire, 2) == b"\x05\x00"
        wire.send(b"\x05\x01\x00\x03" + bytes([len(name)]) + name + port.to_bytes(2, "big"))
        return wire

    def receive(self, wire: SocksWire, count: int) -> bytes:
        """
        Give what comes.
        """
        return self.reactor.resultOf(wire.receive(count))

    def code(self, port: int = 80) -> int:
        """
        Dial it, and give the reply's code.
        """
        return self.receive(self.dial(port), 22)[1]


@pytest.fixture
def room(memory_reactor: MemoryReactor) -> Iterator[Room]:
    """
    Two tors.
    """
    made = Room(memory_reactor)
    yield made
    made.close()


class TestDialing:
    """
    What comes of a dial.
    """

    def test_connected(self, room: Room) -> None:
        """
        The dialer is joined to the program behind the onion, wherever in the network that is.
        """
        room.serve()
        wire = room.dial()
        assert room.receive(wire, 27) == b"\x05\x00\x00\x04" + bytes(18) + b"hello"
        wire.send(b"echo")
        assert room.receive(wire, 4) == b"echo"
        (record,) = room.network.dials
        assert (record.tor, record.host, record.port) == (room.dialer, f"{US.label}.onion", 80)

    def test_neverServed(self, room: Room) -> None:
        """
        An onion that nobody has published is not found.
        """
        assert room.code() == 0xF0

    def test_descriptorLost(self, room: Room) -> None:
        """
        So is one that the directories have lost.
        """
        room.serve()
        room.network.loseDescriptor(US.label)
        assert room.code() == 0xF0

    def test_withdrawn(self, room: Room) -> None:
        """
        One that was withdrawn is found in the directories still, and does not answer.
        """
        wire = room.serve()
        room.ask(wire, f"DEL_ONION {US.label}")
        assert room.code() == 0xF2

    def test_forgotten(self, room: Room) -> None:
        """
        So does one that its tor has forgotten.
        """
        wire = room.serve()
        room.listener.onions.withdraw(US.label)
        assert room.code() == 0xF2
        assert room.ask(wire, "GETINFO onions/current")[0] == "250-onions/current="

    def test_torDied(self, room: Room) -> None:
        """
        And one whose tor has died.
        """
        room.serve()
        room.listener.die()
        assert room.code() == 0xF2

    def test_wrongPort(self, room: Room) -> None:
        """
        A port that it does not serve is refused.
        """
        room.serve()
        assert room.code(81) == 0x05

    def test_programGone(self, room: Room) -> None:
        """
        Where nobody listens at the target, that is told.
        """
        wire = room.control(room.listener)
        key = US.expanded()
        room.ask(wire, f"ADD_ONION ED25519-V3:{key} Flags=DiscardPK Port=80,unix:/nobody")
        assert room.code() == 0x01

    def test_notBootstrapped(self, room: Room) -> None:
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

    def test_noKey(self, room: Room) -> None:
        """
        An onion that lets in only some asks for a key.
        """
        room.serve(f"Flags=V3Auth,DiscardPK ClientAuthV3={PEER_PUBLIC}")
        assert room.code() == 0xF4

    @pytest.mark.parametrize(("private", "code"), [(PEER_PRIVATE, 0), ("A" * 43 + "=", 0xF5)])
    def test_key(self, room: Room, private: str, code: int) -> None:
        """
        Who has the right one gets in, and who has another does not.
        """
        room.serve(f"Flags=V3Auth,DiscardPK ClientAuthV3={PEER_PUBLIC}")
        room.ask(room.control(room.dialer), f"ONION_CLIENT_AUTH_ADD {US.label} x25519:{private}")
        assert room.code() == code


class TestEvents:
    """
    What controllers are told.
    """

    def test_publication(self, room: Room) -> None:
        """
        Each upload is told of when it begins and when it ends, after the answer to the command.
        """
        wire = room.control(room.listener)
        room.ask(wire, "SETEVENTS HS_DESC")
        room.listener.on(f"UPLOAD {US.label}", Fail("UPLOAD_REJECTED"), times=1)
        room.ask(wire, f"ADD_ONION ED25519-V3:{US.expanded()} Flags=DiscardPK Port=80")
        assert wire.events == []
        room.ask(wire, "GETINFO version")
        words = [event.split() for event in wire.events]
        assert {word[1] for word in words} == {"HS_DESC"}
        actions = [word[2] for word in words]
        assert actions == ["CREATED", *["UPLOAD"] * 6, "FAILED", *["UPLOADED"] * 5]
        assert [word[5] for word in words[1:7]] == DIRECTORIES
        assert wire.events[7].endswith("REASON=UPLOAD_REJECTED")

    def test_bootstrap(self, memory_reactor: MemoryReactor, room: Room) -> None:
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

    def test_lookUp(self, room: Room) -> None:
        """
        A dialer's tor tells of its lookups, and so does HSFETCH.
        """
        wire = room.control(room.dialer)
        room.ask(wire, "SETEVENTS HS_DESC")
        room.code()
        room.serve()
        room.ask(wire, f"HSFETCH {US.label}")
        room.reactor.advance(0)
        room.ask(wire, "GETINFO version")
        actions = [event.split()[2] for event in wire.events]
        assert actions == ["REQUESTED", "FAILED", "REQUESTED", "RECEIVED"]
        assert wire.events[1].endswith("REASON=NOT_FOUND")

    def test_unasked(self, room: Room) -> None:
        """
        Who did not ask for an event is not told.
        """
        wire = room.serve()
        room.ask(wire, "GETINFO version")
        assert wire.events == []


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
    def test_command(self, room: Room, fault: Any, answer: list[str]) -> None:
        """
        A command is answered otherwise, or not at all, and has no effect.
        """
        room.listener.on("ADD_ONION", fault, times=1)
        wire = room.control(room.listener)
        assert room.ask(wire, "ADD_ONION NEW:BEST Port=80") == answer
        assert room.listener.onions.services == {}
        assert room.listener.alive == (not isinstance(fault, Die))

    def test_ignored(self, room: Room) -> None:
        """
        One that is ignored does not keep the next from its answer.
        """
        room.listener.on("GETINFO version", Ignore())
        wire = room.control(room.listener)
        wire.send("GETINFO version")
        assert room.ask(wire, "GETINFO dormant") == ["250-dormant=0", "250 OK"]

    def test_delayed(self, room: Room) -> None:
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

    def test_frozen(self, room: Room) -> None:
        """
        A frozen tor takes what comes and says nothing, on any connection, old or new; when it
        thaws, all is answered.
        """
        room.serve()
        dialled = room.dial()
        room.receive(dialled, 27)
        old = room.control(room.dialer)
        room.dialer.freeze()
        new = room.control(room.dialer)
        for wire in (old, new):
            wire.send("GETINFO dormant")
        dialled.send(b"ping")
        answers = [Deferred.fromCoroutine(wire.answer()) for wire in (old, new)]
        echo = Deferred.fromCoroutine(dialled.receive(4))
        room.reactor.advance(1000)
        assert not echo.called
        assert not any(answer.called for answer in answers)
        room.dialer.thaw()
        for answer in answers:
            assert room.reactor.resultOf(answer) == ["250-dormant=0", "250 OK"]
        assert room.reactor.resultOf(echo) == b"ping"

    def test_hang(self, room: Room) -> None:
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
    def test_socks(self, room: Room, step: str) -> None:
        """
        At each step of SOCKS it may refuse with any code.
        """
        room.dialer.on(f"SOCKS {step}", Refuse(0x99))
        (path,) = room.dialer.doors.socksPaths
        wire = room.reactor.resultOf(SocksWire.connect(room.reactor, path))
        wire.send(b"\x05\x01\x02")
        wire.send(b"\x01\x01a\x01b")
        wire.send(b"\x05\x01\x00\x03\x07a.onion\x00\x50")
        assert b"\x05\x99\x00\x04" in room.reactor.resultOf(wire.rest())

    def test_counted(self, room: Room) -> None:
        """
        For as many times as it is said, and then no more.
        """
        room.serve()
        room.network.on("SOCKS CONNECT", Refuse(0xF7), times=2)
        assert [room.code() for _ in range(3)] == [0xF7, 0xF7, 0]

    def test_joined(self, room: Room) -> None:
        """
        The reply may come in one packet with the first bytes of the other end.
        """
        room.serve()
        room.dialer.on("SOCKS CONNECT", JoinFirstBytes())
        (path,) = room.dialer.doors.socksPaths
        client = RecordingFactory()
        room.reactor.resultOf(UNIXClientEndpoint(room.reactor, path).connect(client))
        (protocol,) = client.protocols
        name = f"{US.label}.onion".encode()
        request = b"\x05\x01\x00\x03" + bytes([len(name)]) + name + b"\x00\x50"
        for data in (b"\x05\x01\x00", request):
            protocol.transport.write(data)
            room.reactor.advance(0)
        assert protocol.packets == [
            b"\x05\x00",
            b"\x05\x00\x00\x04" + bytes(18) + b"hello",
        ]

    def test_target(self, room: Room) -> None:
        """
        The way from the listener's tor to its program may fail too.
        """
        room.serve()
        room.listener.on(f"TARGET {US.label}.onion:80", Refuse(0xF3), times=1)
        assert [room.code() for _ in range(2)] == [0xF3, 0]

    @pytest.mark.parametrize("which", ["listener", "dialer"])
    def test_deathOfEitherTor(self, room: Room, which: str) -> None:
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


class TestLife:
    """
    How it ends.
    """

    @pytest.mark.parametrize("command", ["SIGNAL SHUTDOWN", "SIGNAL HALT"])
    def test_signal(self, room: Room, command: str) -> None:
        """
        By a signal, after the answer.
        """
        wire = room.control(room.listener)
        assert room.ask(wire, command) == ["250 OK"]
        assert room.reactor.resultOf(wire.answer()) == [CLOSED]
        assert not room.listener.alive

    def test_ownership(self, room: Room) -> None:
        """
        With the connection that owns it.
        """
        wire = room.control(room.listener)
        room.ask(wire, "TAKEOWNERSHIP")
        room.reactor.resultOf(wire.close())
        room.reactor.advance(0)
        assert not room.listener.alive

    def test_frozen(self, room: Room) -> None:
        """
        A frozen one is killed after 5 s by those who launched it.
        """
        room.listener.freeze()
        room.reactor.resultOf(Deferred.fromCoroutine(room.listener.end()))
        assert (room.reactor.seconds(), room.listener.alive) == (5, False)


class TestNetwork:
    """
    Every endpoint of a reactor uses it.
    """

    async def use(self, reactor: Any) -> bytes:
        """
        Listen and dial by strings, and give what came.
        """
        server = RecordingFactory(greeting=b"hello")
        port = await serverFromString(reactor, "onionp2p:listen:port=7").listen(server)
        address: Any = port.getHost()
        dialing = clientFromString(reactor, f"onionp2p:dial:addr={address.hostname}:7")
        client = RecordingFactory()
        await dialing.connect(client)
        server.protocols[0].transport.loseConnection()
        while not client.protocols[0].lost:
            await deferLater(reactor, 0.001)
        stopped = port.stopListening()
        assert stopped is not None
        await stopped
        return client.protocols[0].received

    def test_inMemory(self) -> None:
        """
        In memory, nothing is left when it is left.
        """
        reactor = MemoryReactor()
        reactor.start()
        with FakeNetwork(reactor):
            assert reactor.resultOf(self.use(reactor)) == b"hello"
        assert reactor.leftovers() == []

    async def test_onTheRealReactor(self) -> None:
        """
        On a real reactor it uses real UNIX sockets, and leaves nothing either.
        """
        from twisted.internet import reactor

        async with FakeNetwork(reactor) as network:
            network.on("SOCKS CONNECT", JoinFirstBytes())
            network.pieceSize = 1
            assert await self.use(reactor) == b"hello"

    def test_leftWhileInUse(self) -> None:
        """
        Who leaves it while there are listeners and connections loses them.
        """
        reactor = MemoryReactor()
        reactor.start()
        server = RecordingFactory()
        with FakeNetwork(reactor) as network:
            reactor.resultOf(serverFromString(reactor, "onionp2p:listen:port=7").listen(server))
            (label,) = network.descriptors
            client = RecordingFactory()
            dialing = clientFromString(reactor, f"onionp2p:dial:addr={label}.onion:7")
            reactor.resultOf(dialing.connect(client))
        assert server.protocols[0].lost
        assert client.protocols[0].lost
        reactor.stop()
        reactor.advance(0)
        assert reactor.leftovers() == []


@given(st.binary(min_size=32, max_size=32))
def test_ed25519(seed: bytes) -> None:
    """
    Public keys are those of a library that is trusted.
    """
    theirs = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    assert publicKey(expand(seed)) == theirs


def test_light() -> None:
    """
    Importing the package imports no reactor, and nothing of tor.
    """
    code = (
        "import sys, onionp2p.testing as t; print('txtorcon' in sys.modules);"
        "t.FakeNetwork, t.MemoryReactor, t.RecordingFactory;"
        "print('twisted.internet.reactor' in sys.modules, 'txtorcon' in sys.modules)"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert output.split() == ["False", "False", "False"]


def test_unknownName() -> None:
    """
    What the package does not hold is an error as anywhere.
    """
    import onionp2p.testing

    with pytest.raises(AttributeError, match="has no attribute 'FakeTour'"):
        onionp2p.testing.FakeTour  # noqa: B018
