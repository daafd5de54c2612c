# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A fake tor that somebody else runs: reached by UNIX sockets or TCP, with any authentication.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint
from twisted.internet.error import ConnectionRefusedError, NoRouteError
from twisted.internet.protocol import Protocol

from onionp2p.errors import TorError
from onionp2p.local.quiet import quietFactory
from onionp2p.testing import FakeNetwork, MemoryReactor, RecordingFactory
from onionp2p.testing.faketor import Impersonate
from onionp2p.testing.faketor.authentication import hashPassword
from onionp2p.testing.faketor.places import connectTo
from onionp2p.testing.faketor.replies import Refused
from onionp2p.testing.wire import CLOSED, ControlWire, SocksWire
from onionp2p.tor.control import TorControl


@pytest.fixture
def network(memory_reactor: MemoryReactor) -> Iterator[FakeNetwork]:
    """
    A network, entered.
    """
    with FakeNetwork(memory_reactor) as entered:
        yield entered


async def connect(reactor: MemoryReactor, port: int) -> TorControl:
    """
    Connect to a control port as the library does.
    """
    control = TorControl(reactor)
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    await endpoint.connect(quietFactory(control.protocol))
    return control


class TestPlaces:
    """
    Where it can be reached.
    """

    def test_tcp(self, memory_reactor: MemoryReactor, network: FakeNetwork) -> None:
        """
        By ports, of which it says what they are.
        """
        network.startTor("/somebody", {"ControlPort": "9051", "SocksPort": "auto"})
        control = memory_reactor.resultOf(connect(memory_reactor, 9051))
        memory_reactor.resultOf(control.ready())
        asked = control.getInfo("net/listeners/socks")
        port = int(memory_reactor.resultOf(asked).strip('"').removeprefix("127.0.0.1:"))
        client = RecordingFactory()
        endpoint = TCP4ClientEndpoint(memory_reactor, "127.0.0.1", port)
        memory_reactor.resultOf(endpoint.connect(client))
        client.protocols[0].transport.write(b"\x05\x01\x00")
        memory_reactor.advance(0)
        assert client.protocols[0].received == b"\x05\x00"

    def test_targets(self, memory_reactor: MemoryReactor, network: FakeNetwork) -> None:
        """
        What it serves may be at a port too, and a stream gets there and back; at other hosts, it
        is out of reach.
        """
        paths = {"ControlPort": "unix:/c", "SocksPort": "unix:/s"}
        network.startTor("/somebody", paths)
        program = RecordingFactory(greeting=b"hello", echoes=True)
        memory_reactor.listenTCP(9999, program, interface="127.0.0.1")
        wire = memory_reactor.resultOf(ControlWire.connect(memory_reactor, "/c"))
        memory_reactor.resultOf(wire.ask("AUTHENTICATE"))
        targets = ["127.0.0.1:9999", "9999", "192.0.2.1:9999", "127.0.0.1:9998", "unix:nothing"]
        ports = " ".join(f"Port={n},{target}" for n, target in enumerate(targets, 1))
        answer = memory_reactor.resultOf(wire.ask(f"ADD_ONION NEW:BEST Flags=DiscardPK {ports}"))
        name = answer[0].removeprefix("250-ServiceID=").encode() + b".onion"
        codes = []
        for number in range(1, len(targets) + 1):
            socks = memory_reactor.resultOf(SocksWire.connect(memory_reactor, "/s"))
            socks.send(b"\x05\x01\x00")
            memory_reactor.resultOf(socks.receive(2))
            socks.send(b"\x05\x01\x00\x03\x3e" + name + bytes([0, number]))
            codes.append(memory_reactor.resultOf(socks.receive(22))[1])
            if not codes[-1]:
                socks.send(b" again")
                assert memory_reactor.resultOf(socks.receive(11)) == b"hello again"
        assert codes == [0, 0, 1, 1, 1]

    async def test_nowhereElse(self) -> None:
        """
        On a real reactor too, it does not even try to deliver to another host.
        """
        from twisted.internet import reactor

        with pytest.raises(NoRouteError):
            await connectTo(reactor, "192.0.2.1:9999", Protocol())

    def test_taken(self, memory_reactor: MemoryReactor, network: FakeNetwork) -> None:
        """
        A port that is taken, or none, is refused, and then nothing has changed.
        """
        tor = network.startTor("/somebody", {"ControlPort": ["9051", "unix:/c"]})
        for place in ("9051", "unix:/c", "127.0.0.2:1", "nonsense"):
            with pytest.raises(Refused):
                network.startTor("/another", {"SocksPort": ["9052", place]})
        memory_reactor.advance(0)
        wire = memory_reactor.resultOf(ControlWire.connect(memory_reactor, "/c"))
        memory_reactor.resultOf(wire.ask("AUTHENTICATE"))
        answer = memory_reactor.resultOf(wire.ask("SETCONF SocksPort=9052 SocksPort=9051"))
        assert answer == ["553 Unable to set option: Failed to bind one of the listener ports."]
        assert tor.doors.names("SocksPort") == []
        assert memory_reactor.resultOf(wire.ask("SETCONF SocksPort=9052")) == ["250 OK"]
        assert memory_reactor.resultOf(wire.ask("SETCONF SocksPort=0")) == ["250 OK"]
        memory_reactor.advance(0)
        with pytest.raises(ConnectionRefusedError):
            memory_reactor.resultOf(connect(memory_reactor, 9052))

    def test_again(self, memory_reactor: MemoryReactor, network: FakeNetwork) -> None:
        """
        When it has ended, another can be started in its place.
        """
        for _ in range(2):
            tor = network.startTor("/somebody", {"ControlPort": "9051"})
            control = memory_reactor.resultOf(connect(memory_reactor, 9051))
            memory_reactor.resultOf(control.ready())
            tor.die()
            memory_reactor.advance(0)
            assert control.lost
            with pytest.raises(ConnectionRefusedError):
                memory_reactor.resultOf(connect(memory_reactor, 9051))


class TestAuthentication:
    """
    Whom it lets in.
    """

    @pytest.mark.parametrize("method", ["COOKIE", "SAFECOOKIE"])
    def test_cookie(
        self, memory_reactor: MemoryReactor, network: FakeNetwork, tmp_path: Path, method: str
    ) -> None:
        """
        Who can read the cookie, whose file PROTOCOLINFO names.
        """
        network.startTor(os.fspath(tmp_path), {"ControlPort": "9051", "CookieAuthentication": "1"})
        cookie = tmp_path / "control_auth_cookie"
        assert (len(cookie.read_bytes()), cookie.stat().st_mode & 0o777) == (32, 0o600)
        control = memory_reactor.resultOf(connect(memory_reactor, 9051))
        memory_reactor.resultOf(control.ready())
        assert memory_reactor.resultOf(control.getInfo("version")) == "0.4.9.11"

    def test_impostor(
        self, memory_reactor: MemoryReactor, network: FakeNetwork, tmp_path: Path
    ) -> None:
        """
        One that only pretends to know the cookie can't prove it.
        """
        tor = network.startTor(
            os.fspath(tmp_path),
            {"ControlPort": "unix:/c", "CookieAuthentication": "1"},
        )
        tor.on("AUTHCHALLENGE", Impersonate())
        wire = memory_reactor.resultOf(ControlWire.connect(memory_reactor, "/c"))
        (line,) = memory_reactor.resultOf(wire.ask("AUTHCHALLENGE SAFECOOKIE " + "00" * 32))
        words = dict(word.split("=") for word in line.split() if "=" in word)
        message = (tmp_path / "control_auth_cookie").read_bytes() + bytes(32)
        proof = hmac.digest(
            b"Tor safe cookie authentication server-to-controller hash",
            message + bytes.fromhex(words["SERVERNONCE"]),
            "sha256",
        )
        assert bytes.fromhex(words["SERVERHASH"]) != proof
        memory_reactor.resultOf(wire.close())
        control = memory_reactor.resultOf(self.unix(memory_reactor))
        with pytest.raises(TorError):
            memory_reactor.resultOf(control.ready())

    async def unix(self, reactor: MemoryReactor) -> TorControl:
        """
        Connect to a control socket.
        """
        control = TorControl(reactor)
        await UNIXClientEndpoint(reactor, "/c").connect(quietFactory(control.protocol))
        return control

    def test_password(self, memory_reactor: MemoryReactor, network: FakeNetwork) -> None:
        """
        Who knows the password.
        """
        hashed = hashPassword(b"open sesame")
        network.startTor("/x", {"ControlPort": "unix:/c", "HashedControlPassword": hashed})
        wire = memory_reactor.resultOf(ControlWire.connect(memory_reactor, "/c"))
        assert memory_reactor.resultOf(wire.ask('AUTHENTICATE "open sesame"')) == ["250 OK"]
        wire = memory_reactor.resultOf(ControlWire.connect(memory_reactor, "/c"))
        answer = memory_reactor.resultOf(wire.ask('AUTHENTICATE "closed"'))
        assert answer[0].startswith("515 ")
        assert memory_reactor.resultOf(wire.answer()) == [CLOSED]

    def test_several(self, memory_reactor: MemoryReactor, network: FakeNetwork) -> None:
        """
        Several at a time, each with onions of its own, which go with it unless they are detached.
        """
        tor = network.startTor("/x", {"ControlPort": "unix:/c"})
        wires = []
        for flags in ("DiscardPK", "DiscardPK,Detach"):
            wire = memory_reactor.resultOf(ControlWire.connect(memory_reactor, "/c"))
            memory_reactor.resultOf(wire.ask("AUTHENTICATE"))
            memory_reactor.resultOf(wire.ask(f"ADD_ONION NEW:BEST Flags={flags} Port=80"))
            wires.append(wire)
        first, second = wires
        (one, _) = memory_reactor.resultOf(first.ask("GETINFO onions/current"))
        (two, _) = memory_reactor.resultOf(second.ask("GETINFO onions/detached"))
        labels = [line.partition("=")[2] for line in (one, two)]
        assert list(tor.onions.services) == labels
        for wire in wires:
            memory_reactor.resultOf(wire.close())
        memory_reactor.advance(0)
        assert list(tor.onions.services) == labels[1:]
