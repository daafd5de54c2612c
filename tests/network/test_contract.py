# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What a tor says and does of an onion that is published and dialled: the same checks for the fake tor
and for a real one on the private network.  The rest of the contract, which needs no network, is in
tests/contract.
"""

from __future__ import annotations

import re
import tempfile
from base64 import b32encode, b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from pytest_twisted import blockon
from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import UNIXServerEndpoint
from twisted.internet.task import deferLater

from onionp2p.keys import Identity
from onionp2p.testing import FakeNetwork, FakeTor, RecordingFactory
from onionp2p.testing.wire import CLOSED, ControlWire, SocksWire
from onionp2p.tor.control import TorControl
from onionp2p.tor.process import TorProcess
from onionp2p.tor.program import findTor
from onionp2p.tor.torrc import renderTorrc

DIRECTORY = r"\$[0-9A-F]{40}~\w+"
DESCRIPTOR = "[A-Za-z0-9+/]{43}"
INDEX = "[0-9A-F]{64}"
OK = ["250 OK"]
FOR_A_WHILE = {0xF0, 0xF2, 0xF3, 0xF7}
"""Of a dial: what may come before the descriptor is everywhere, or while introductions change."""


@asynccontextmanager
async def fakeTor(folder: str, shared: str) -> AsyncIterator[None]:
    """
    A fake tor whose control and SOCKS sockets are in C{folder}.
    """
    torrc = {"ControlPort": f"unix:{folder}/control", "SocksPort": f"unix:{folder}/socks"}
    tor = FakeTor(reactor, FakeNetwork(reactor), folder, torrc)
    tor.start()
    try:
        yield
    finally:
        await tor.end()


@asynccontextmanager
async def realTor(folder: str, shared: str) -> AsyncIterator[None]:
    """
    A real one, on the network of the C{shared} lines.
    """
    clock: Any = reactor
    control = TorControl(clock)

    def torrc(descriptor: int) -> str:
        ours = renderTorrc(
            stateDirectory=f"{folder}/state",
            socksPath=f"{folder}/socks",
            owningDescriptor=descriptor,
        )
        return ours + shared

    process = TorProcess(clock, findTor(None), torrc, control)
    try:
        await control.ready()
        await control.command(f'SETCONF ControlPort="unix:{folder}/control"')
        yield
    finally:
        await process.end()


@pytest.fixture(scope="module", params=[fakeTor, realTor])
def folder(
    request: pytest.FixtureRequest, _network_environment: tuple[object, dict[str, str]]
) -> Iterator[str]:
    """
    The folder of the sockets of one tor after the other.
    """
    with open(_network_environment[1]["ONIONP2P_TORRC"]) as file:
        shared = file.read()
    with tempfile.TemporaryDirectory(prefix="tor-") as path:
        tor = request.param(path, shared)
        blockon(Deferred.fromCoroutine(tor.__aenter__()))
        try:
            yield path
        finally:
            blockon(Deferred.fromCoroutine(tor.__aexit__(None, None, None)))


class Conversation:
    """
    One onion of a tor, the program behind it, and those who dial it by the same tor.

    @ivar control: a control connection.
    @ivar program: what listens behind the onion.
    @ivar identity: the onion's.
    """

    def __init__(self, folder: str, control: ControlWire) -> None:
        self.folder = folder
        self.control = control
        self.program = RecordingFactory(echoes=True)
        self.identity = Identity.generate()
        self.label = self.identity.label
        self.target = f"unix:{folder}/target"
        self._heard: list[Any] = []

    def addOnion(self, options: str = "Flags=DiscardPK") -> str:
        """
        Give the command that serves the onion.
        """
        key = self.identity.expanded()
        return f"ADD_ONION ED25519-V3:{key} {options} Port=7,{self.target}"

    async def serve(self, options: str = "Flags=DiscardPK") -> None:
        """
        Serve the onion, and wait until it is published.
        """
        assert (await self.control.ask(self.addOnion(options)))[-1] == "250 OK"
        await self.told(f"650 HS_DESC UPLOADED {self.label} .*")

    async def told(self, pattern: str) -> str:
        """
        Wait for an event.
        """
        while True:
            events = self.control.events
            event = events.pop(0) if events else await self.control.event()
            assert event != CLOSED
            if re.fullmatch(pattern, event):
                return event

    async def dial(
        self, port: int = 7, *, token: bytes = b"token", label: str = ""
    ) -> tuple[SocksWire, int]:
        """
        Request a connection.

        @return: the reply's code too.
        """
        socks = await SocksWire.connect(reactor, f"{self.folder}/socks")
        name = f"{label or self.label}.onion".encode()
        for sent, expected in [
            (b"\x05\x01\x02", b"\x05\x02"),
            (b"\x01\x09<torS0X>0" + bytes([len(token)]) + token, b"\x01\x00"),
        ]:
            socks.send(sent)
            assert await socks.receive(2) == expected
        socks.send(b"\x05\x01\x00\x03" + bytes([len(name)]) + name + port.to_bytes(2, "big"))
        reply = await socks.receive(22)
        assert reply == bytes([5, reply[1], 0, 4]) + bytes(18)
        return socks, reply[1]

    async def code(self, port: int = 7, *, token: bytes = b"token", label: str = "") -> int:
        """
        Dial, give the reply's code, and hang up.
        """
        socks, code = await self.dial(port, token=token, label=label)
        await socks.close()
        return code

    async def join(self, *, token: bytes = b"token") -> SocksWire:
        """
        Dial until it comes through.
        """
        while True:
            socks, code = await self.dial(token=token)
            if code == 0:
                return socks
            # Of a circuit that breaks under the dial, tor says what it says of a dead target.
            assert code in FOR_A_WHILE | {0x01}
            await socks.close()

    async def enter(self, *, token: bytes = b"token") -> tuple[SocksWire, Any]:
        """
        The same, and hear an echo.

        @return: who sent it, too: a dial that was tried again may have left others, whom nobody
            speaks by.
        """
        socks = await self.join(token=token)
        socks.send(b"?")

        def heard() -> list[Any]:
            spoke = [each for each in self.program.protocols if each.received.endswith(b"?")]
            return [each for each in spoke if each not in self._heard]

        await self.until(heard)
        (who,) = heard()
        assert await socks.receive(len(who.received)) == who.received
        self._heard.append(who)
        return socks, who

    async def lasting(self, *, token: bytes = b"token") -> int:
        """
        Dial until the reply's code is one that lasts.
        """
        while (code := await self.code(token=token)) in FOR_A_WHILE - {0xF2}:
            pass
        return code

    async def echoes(self, socks: SocksWire) -> bool:
        """
        Whether the program answers.
        """
        socks.send(b"?")
        return await socks.receive(1) == b"?"

    async def until(self, ready: Callable[[], object]) -> None:
        """
        Wait until something is so.
        """
        while not ready():
            await deferLater(reactor, 0.01)


@asynccontextmanager
async def begin(folder: str) -> AsyncIterator[Conversation]:
    """
    Have a conversation; at its end, nothing of it stays.
    """
    async with AsyncExitStack() as held:
        control = await ControlWire.connect(reactor, f"{folder}/control")
        held.push_async_callback(control.close)
        talk = Conversation(folder, control)
        port = await UNIXServerEndpoint(reactor, f"{folder}/target").listen(talk.program)
        held.push_async_callback(maybeDeferred, port.stopListening)
        assert await control.ask("AUTHENTICATE") == OK
        done = r'250-status/bootstrap-phase=NOTICE BOOTSTRAP PROGRESS=100 TAG=done SUMMARY="Done"'
        while (await control.ask("GETINFO status/bootstrap-phase"))[0] != done:
            await deferLater(reactor, 0.05)
        assert await control.ask("SETEVENTS HS_DESC") == OK
        yield talk
        for protocol in talk.program.protocols:
            protocol.transport.abortConnection()


async def test_lifeOfAnOnion(folder: str) -> None:
    """
    An onion is made, published, dialled, and withdrawn, with the same events and replies.
    """
    async with begin(folder) as talk:
        assert await talk.control.ask(talk.addOnion()) == [f"250-ServiceID={talk.label}", *OK]
        onion = talk.label
        patterns = [
            re.compile(f"650 HS_DESC {each}")
            for each in (
                f"CREATED {onion} UNKNOWN UNKNOWN {DESCRIPTOR}",
                f"UPLOAD {onion} UNKNOWN {DIRECTORY} {DESCRIPTOR} HSDIR_INDEX={INDEX}",
                f"UPLOADED {onion} UNKNOWN {DIRECTORY}",
            )
        ]
        seen: list[int] = []
        while 2 not in seen:
            event = await talk.told(f"650 HS_DESC [A-Z]+ {onion} .*")
            matching = [n for n, pattern in enumerate(patterns) if pattern.fullmatch(event)]
            assert matching, event
            seen += matching
        assert seen[0] == 0
        assert 1 in seen
        (shown, *_) = await talk.control.ask(f"GETINFO hs/service/desc/id/{onion}")
        assert shown == f"250+hs/service/desc/id/{onion}="

        socks = await talk.join()
        assert await talk.echoes(socks)
        (shown, *_) = await talk.control.ask(f"GETINFO hs/client/desc/id/{onion}")
        assert shown == f"250+hs/client/desc/id/{onion}="
        await socks.close()
        assert await talk.code(8) == 0x05
        assert await talk.code(label=Identity.generate().label) == 0xF0

        assert await talk.control.ask(f"DEL_ONION {onion}") == OK
        current = await talk.control.ask("GETINFO onions/current")
        assert current == ["250-onions/current=", "250 OK"]


async def test_fetching(folder: str) -> None:
    """
    Whoever asks for a descriptor hears which directories were asked, what they said, and the text.
    """
    async with begin(folder) as talk:
        await talk.serve()
        await talk.join()
        await talk.control.ask("SETEVENTS HS_DESC HS_DESC_CONTENT")
        nobody = Identity.generate().label
        for label, answer in [(talk.label, "RECEIVED"), (nobody, "FAILED")]:
            assert await talk.control.ask(f"HSFETCH {label}") == OK
            about = f"{label} NO_AUTH {DIRECTORY} {DESCRIPTOR}"
            await talk.told(f"650 HS_DESC REQUESTED {about} HSDIR_INDEX={INDEX}")
            reason = " REASON=NOT_FOUND" if answer == "FAILED" else ""
            await talk.told(f"650 HS_DESC {answer} {about}{reason}")
            await talk.told(rf"650\+HS_DESC_CONTENT {label} {DESCRIPTOR} {DIRECTORY}")
            await talk.told("hs-descriptor 3" if answer == "RECEIVED" else "")
            await talk.told("650 OK")
        for _ in range(3):  # all of the others are asked too
            await talk.told(f"650 HS_DESC FAILED {nobody} .* REASON=NOT_FOUND")


async def test_replaced(folder: str) -> None:
    """
    DEL_ONION and ADD_ONION of one key, sent together, end nobody's stream, and add ports.
    """
    async with begin(folder) as talk:
        await talk.serve()
        socks = await talk.join()
        talk.control.send(f"DEL_ONION {talk.label}")
        talk.control.send(f"{talk.addOnion()} Port=8,{talk.target} Port=9,unix:/nobody")
        for _ in range(2):
            assert (await talk.control.answer())[-1] == "250 OK"
        assert await talk.echoes(socks)
        assert [await talk.code(port) for port in (7, 8, 9, 10)] == [0, 0, 0x01, 0x05]
        assert await talk.echoes(socks)
        fresh = await talk.join(token=b"fresh")
        assert await talk.echoes(fresh)
        assert await talk.echoes(socks)
        for each in (socks, fresh):
            await each.close()


async def test_withdrawn(folder: str) -> None:
    """
    DEL_ONION alone ends a stream only when another is asked for on its circuit; other circuits live
    on, and fresh ones lead nowhere.
    """
    async with begin(folder) as talk:
        await talk.serve()
        socks, first = await talk.enter()
        other, second = await talk.enter(token=b"other")
        assert await talk.control.ask(f"DEL_ONION {talk.label}") == OK
        assert await talk.echoes(socks)
        assert await talk.code() in {0x01, 0x05}
        await talk.until(lambda: first.lost)
        assert await talk.echoes(other)
        assert not second.lost
        assert await talk.code(token=b"fresh") in FOR_A_WHILE
        for each in (socks, other):
            await each.close()


@pytest.mark.parametrize("closes", [False, True])
async def test_maxStreams(folder: str, closes: bool) -> None:
    """
    A stream too many on a circuit is refused, and may end the others there.
    """
    async with begin(folder) as talk:
        flags = "DiscardPK,MaxStreamsCloseCircuit" if closes else "DiscardPK"
        await talk.serve(f"Flags={flags} MaxStreams=2")
        (one, first), (two, second) = [await talk.enter() for _ in range(2)]
        streams = [one, two]
        other = await talk.join(token=b"other")
        assert await talk.echoes(other)
        # Where the circuit is closed, its end may be faster than the refusal.
        assert await talk.code() in ({0x05, 0x01} if closes else {0x05})
        if closes:
            await talk.until(lambda: first.lost and second.lost)
        else:
            assert all([await talk.echoes(each) for each in streams])
            await one.close()
            await talk.until(lambda: first.lost)
            assert await talk.code() == 0
        assert await talk.echoes(other)
        for each in [*streams, other]:
            await each.close()


def clientKey() -> tuple[str, str]:
    """
    Give a new client's key: its public half as a service's tor takes it, its private one as its
    own does.
    """
    key = X25519PrivateKey.generate()
    public = b32encode(key.public_key().public_bytes_raw()).decode().rstrip("=")
    return public, b64encode(key.private_bytes_raw()).decode()


async def test_authorization(folder: str) -> None:
    """
    Who has no key gets F4.  Who had one that is revoked keeps its streams and opens more on a
    circuit that it has; for a fresh circuit it gets F5.
    """
    async with begin(folder) as talk:
        (ours, private), (others, _) = clientKey(), clientKey()
        await talk.serve(f"Flags=V3Auth,DiscardPK ClientAuthV3={ours} ClientAuthV3={others}")
        assert await talk.lasting() == 0xF4
        added = await talk.control.ask(f"ONION_CLIENT_AUTH_ADD {talk.label} x25519:{private}")
        assert added == ["252 Registered client and decrypted desc"]
        socks = await talk.join()
        assert await talk.echoes(socks)
        talk.control.send(f"DEL_ONION {talk.label}")
        talk.control.send(talk.addOnion(f"Flags=V3Auth,DiscardPK ClientAuthV3={others}"))
        for _ in range(2):
            assert (await talk.control.answer())[-1] == "250 OK"
        assert await talk.code() == 0
        while (code := await talk.code(token=b"fresh")) in FOR_A_WHILE:
            pass
        assert code == 0xF5
        assert await talk.echoes(socks)
        assert await talk.control.ask(f"ONION_CLIENT_AUTH_REMOVE {talk.label}") == OK
        await socks.close()


async def test_circuits(folder: str) -> None:
    """
    A service in a folder may tell its program of circuits: streams of one isolation share one
    until NEWNYM, and CLOSECIRCUIT ends all streams of one.
    """
    async with begin(folder) as talk, AsyncExitStack() as held:
        options = f'HiddenServiceDir="{folder}/service" HiddenServicePort="7 {talk.target}"'
        exports = "HiddenServiceExportCircuitID=haproxy"
        assert await talk.control.ask(f"SETCONF {options} {exports}") == OK
        held.push_async_callback(talk.control.ask, "RESETCONF HiddenServiceDir")
        with open(f"{folder}/service/hostname") as file:
            talk.label = file.read().removesuffix(".onion\n")
        await talk.told(f"650 HS_DESC UPLOADED {talk.label} .*")
        here = [await talk.enter(token=token) for token in (b"one", b"one", b"two")]
        assert await talk.control.ask("SIGNAL NEWNYM") == OK
        here.append(await talk.enter(token=b"one"))
        streams, protocols = zip(*here, strict=True)
        numbers = []
        for protocol in protocols:
            match = re.fullmatch(
                rb"PROXY TCP6 fc00:dead:beef:4dad::([0-9a-f]+):([0-9a-f]+) ::1 (\d+) 7\r\n\?",
                protocol.received,
            )
            assert match, protocol.received
            assert int(match[2], 16) == int(match[3])
            numbers.append((int(match[1], 16) << 16) + int(match[3]))
        one, same, two, again = numbers
        assert one == same
        assert len({one, two, again}) == 3

        assert await talk.control.ask(f"CLOSECIRCUIT {one}") == OK
        await talk.until(lambda: all(each.lost for each in protocols[:2]))
        unknown = await talk.control.ask(f"CLOSECIRCUIT {one}")
        assert unknown == [f'552 Unknown circuit "{one}"']
        assert not any(each.lost for each in protocols[2:])

        # Named again, it goes on, otherwise; left out, it ends at once.
        assert await talk.control.ask(f"SETCONF {options}") == OK
        socks = await talk.join(token=b"two")
        assert await talk.echoes(socks)
        assert not any(each.lost for each in protocols[2:])
        assert await talk.control.ask("SETCONF HiddenServiceDir") == OK
        await talk.until(lambda: all(each.lost for each in talk.program.protocols))
        for each in [*streams, socks]:
            await each.close()
