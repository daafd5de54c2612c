# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
js-libp2p and we, over TCP on loopback, in both roles.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import blockon
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.protocol import Factory

from onionp2p.libp2p import ConnectionFactory, Identity, dial
from onionp2p.libp2p.errors import ProtocolUnsupported, WrongPeer
from onionp2p.libp2p.identify import NAME, Identification, take
from onionp2p.libp2p.securechannel import SecureChannel
from onionp2p.ping import EchoResponderFactory, Ok, PingInitiator, PingResponderFactory
from onionp2p.testing import RecordingFactory
from tests.interop.jsnodes import nodeCommand
from tests.programs import Program, start

from .test_stream import MEBIBYTE, Hashing

__all__ = ["start"]

pytestmark = [pytest.mark.allow_loopback, pytest.mark.deadline(60)]

KINDS = ["Ed25519", "secp256k1", "RSA"]  # js-libp2p has no peer ids of ECDSA keys

Node = Callable[..., Program]


@pytest.fixture
def node(start: Callable[..., Program], tmp_path: Path) -> Node:
    """
    Start a peer of js-libp2p.
    """
    shutil.copy(Path(__file__).with_name("js") / "peer.mjs", tmp_path)

    def startNode(*arguments: str) -> Program:
        return start(*nodeCommand(tmp_path, "peer.mjs"), *arguments, folder=tmp_path)

    return startNode


@pytest.fixture
def listening() -> Iterator[str]:
    """
    The multiaddr of a listener of ours.
    """
    from twisted.internet import reactor

    identity = Identity.generate()
    factory = ConnectionFactory(
        reactor,
        identity,
        {"/ipfs/ping/1.0.0": PingResponderFactory(), "/echo/1.0.0": EchoResponderFactory()},
    )
    port = blockon(TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory))
    yield f"/ip4/127.0.0.1/tcp/{port.getHost().port}/p2p/{identity.peerID}"
    blockon(port.stopListening())
    blockon(gatherResults([connection.close() for connection in factory.connections]))


@pytest.mark.parametrize("kind", KINDS)
async def test_theyDial(listening: str, node: Node, kind: str) -> None:
    """
    A node that dials us pings, has 8 MiB echoed unchanged, uses a hundred streams at once, and is
    told who we are, and when we don't speak a protocol.
    """
    dialer = node(kind, "dial", listening)
    assert await dialer.ended == 0, dialer.output
    assert "muxer: /yamux/1.0.0 security: /noise" in dialer.output
    assert dialer.output.count("ping: ") == 3
    assert "streams: 100" in dialer.output
    assert "refused: UnsupportedProtocolError" in dialer.output
    told = json.loads((await dialer.says("told: ")).partition(" ")[2])
    assert told == {
        "agentVersion": "onionp2p",
        "protocolVersion": "ipfs/0.1.0",
        "protocols": ["/echo/1.0.0", NAME, "/ipfs/ping/1.0.0"],
        "listenAddrs": [],
    }


def nameNoMultiplexer(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Have us leave the multiplexer to a negotiation after the handshake, as py-libp2p does.
    """
    made = SecureChannel.__init__

    def make(self: SecureChannel, *arguments: Any, **options: Any) -> None:
        made(self, *arguments, **{**options, "muxers": ()})

    monkeypatch.setattr(SecureChannel, "__init__", make)


async def test_theyDialLate(listening: str, node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A node that dials us can agree on the multiplexer after the handshake, too.
    """
    nameNoMultiplexer(monkeypatch)
    await test_theyDial(listening, node, "Ed25519")


async def test_weDialLate(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    So can one that we dial.
    """
    nameNoMultiplexer(monkeypatch)
    await test_weDial(node, "Ed25519")


@pytest.mark.parametrize("kind", KINDS)
async def test_weDial(node: Node, kind: str) -> None:
    """
    We do the same to a node that listens, and know it by its peer id.
    """
    from twisted.internet import reactor

    address = (await node(kind, "listen").says("listening: ")).split()[1].split("/")
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", int(address[4]))
    with pytest.raises(WrongPeer):
        await dial(reactor, endpoint, Identity.generate(), peerID=Identity.generate().peerID)
    connection = await dial(reactor, endpoint, Identity.generate(), peerID=address[6])
    assert str(connection.peer) == "/".join(address)

    pinger: Any = await connection.openStream(
        "/ipfs/ping/1.0.0", Factory.forProtocol(lambda: PingInitiator(reactor))
    )
    for _ in range(3):
        assert isinstance(await pinger.ping(), Ok)
    await pinger.close()

    async def echo(size: int) -> None:
        protocol: Any = await connection.openStream(
            "/echo/1.0.0", Factory.forProtocol(lambda: Hashing(size))
        )
        await protocol.over
        assert protocol.size == size
        assert protocol.hash.digest() == protocol.source.hash.digest()

    await echo(8 * MEBIBYTE)
    await gatherResults([Deferred.fromCoroutine(echo(10_000)) for _ in range(100)])
    with pytest.raises(ProtocolUnsupported):
        await connection.openStream("/nobody/speaks/this", RecordingFactory())

    asked: Any = await connection.openStream(NAME, RecordingFactory())
    told = None
    while told is None:
        told = take(await asked.receives(len(asked.received) + 1) and asked.received)
    assert isinstance(told, Identification)
    assert told.agent.startswith("js-libp2p")
    assert "/echo/1.0.0" in told.protocols
    await connection.close()
