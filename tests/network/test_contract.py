"""
What a tor says of an onion that is published and dialled: the same checks for the fake tor and for
a real one on the private network.  The rest of the contract, which needs no network, is in
tests/contract.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import UNIXServerEndpoint
from twisted.internet.task import deferLater

from onionp2p.keys import Identity
from onionp2p.testing import FakeNetwork, FakeTor, RecordingFactory
from onionp2p.testing.wire import ControlWire, SocksWire
from onionp2p.tor.control import TorControl
from onionp2p.tor.process import TorProcess
from onionp2p.tor.program import findTor
from onionp2p.tor.torrc import renderTorrc

CONNECTED = b"\x05\x00\x00\x04" + bytes(18)
DIRECTORY = r"\$[0-9A-F]{40}~\w+"
DESCRIPTOR = "[A-Za-z0-9+/]{43}"
INDEX = "[0-9A-F]{64}"


@asynccontextmanager
async def fakeTor(folder: str) -> AsyncIterator[None]:
    """
    A fake tor whose control and SOCKS sockets are in C{folder}.
    """
    tor = FakeTor(reactor, FakeNetwork(reactor), folder)
    tor.doors.openControl(f"{folder}/control", owner=False)
    tor.doors.openSocks(f"{folder}/socks")
    tor.start()
    try:
        yield
    finally:
        await tor.end()


@asynccontextmanager
async def realTor(folder: str) -> AsyncIterator[None]:
    """
    A real one.
    """
    clock: Any = reactor
    control = TorControl(clock)
    with open(os.environ["ONIONP2P_TORRC"]) as file:
        shared = file.read()

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


async def dial(folder: str, host: str, port: int) -> tuple[SocksWire, bytes]:
    """
    Request a connection.

    @return: the reply too.
    """
    socks = await SocksWire.connect(reactor, f"{folder}/socks")
    for sent, expected in [
        (b"\x05\x01\x02", b"\x05\x02"),
        (b"\x01\x09<torS0X>0\x05token", b"\x01\x00"),
    ]:
        socks.send(sent)
        assert await socks.receive(2) == expected
    socks.send(b"\x05\x01\x00\x03" + bytes([len(host)]) + host.encode() + port.to_bytes(2, "big"))
    return socks, await socks.receive(22)


@pytest.mark.parametrize("launch", [fakeTor, realTor])
async def test_lifeOfAnOnion(launch: Any) -> None:
    """
    An onion is made, published, dialled, and withdrawn, with the same events and replies.
    """
    async with AsyncExitStack() as held:
        folder = held.enter_context(tempfile.TemporaryDirectory(prefix="tor-"))
        await held.enter_async_context(launch(folder))
        server = RecordingFactory(echoes=True)
        port = await UNIXServerEndpoint(reactor, f"{folder}/target").listen(server)
        held.push_async_callback(maybeDeferred, port.stopListening)
        control = await ControlWire.connect(reactor, f"{folder}/control")
        held.push_async_callback(control.close)
        assert await control.ask("AUTHENTICATE") == ["250 OK"]
        done = r'250-status/bootstrap-phase=NOTICE BOOTSTRAP PROGRESS=100 TAG=done SUMMARY="Done"'
        while (await control.ask("GETINFO status/bootstrap-phase"))[0] != done:
            await deferLater(reactor, 0.05)

        # Made and published.
        assert await control.ask("SETEVENTS HS_DESC") == ["250 OK"]
        identity = Identity.generate()
        onion = identity.label
        target = f"Flags=DiscardPK Port=7,unix:{folder}/target"
        added = await control.ask(f"ADD_ONION ED25519-V3:{identity.expanded()} {target}")
        assert added == [f"250-ServiceID={onion}", "250 OK"]
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
            event = control.events.pop(0) if control.events else await control.event()
            matching = [n for n, pattern in enumerate(patterns) if pattern.fullmatch(event)]
            assert matching, event
            seen += matching
        assert seen[0] == 0
        assert 1 in seen

        # Dialled.
        reply = b""
        while reply != CONNECTED:
            socks, reply = await dial(folder, f"{onion}.onion", 7)
            assert reply == CONNECTED or reply[1] == 0xF0
            if reply != CONNECTED:
                await socks.close()
        socks.send(b"hello")
        assert await socks.receive(5) == b"hello"
        await socks.close()
        for host, number, code in [(onion, 8, 0x05), (Identity.generate().label, 7, 0xF0)]:
            socks, reply = await dial(folder, f"{host}.onion", number)
            assert reply == bytes([5, code, 0, 4]) + bytes(18)
            await socks.close()

        # Withdrawn.
        assert await control.ask(f"DEL_ONION {onion}") == ["250 OK"]
        assert await control.ask("GETINFO onions/current") == ["250-onions/current=", "250 OK"]
