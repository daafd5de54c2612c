# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Peers in memory: two of ours, or one of ours and one that says what a test wants.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from twisted.internet.endpoints import UNIXClientEndpoint, UNIXServerEndpoint
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from onionp2p.libp2p import Connection, ConnectionFactory, Identity, Limits, dial
from onionp2p.libp2p.upgrade import Upgrade
from onionp2p.ping import EchoResponderFactory, PingResponderFactory
from onionp2p.testing import MemoryReactor, RecordingFactory, RecordingProtocol

_T = TypeVar("_T")


class Peers:
    """
    Bob listens, and Alice has dialled him.

    @ivar handlers: what Bob speaks.
    @ivar alice: Alice's connection.
    """

    def __init__(self, reactor: MemoryReactor, limits: Limits | None = None) -> None:
        self.reactor = reactor
        self.limits = limits or Limits()
        self.aliceIdentity, self.bobIdentity = Identity.generate(), Identity.generate()
        self.recorded = RecordingFactory()
        self.handlers: dict[str, IProtocolFactory] = {
            "/echo": EchoResponderFactory(),
            "/ipfs/ping/1.0.0": PingResponderFactory(),
            "/record": self.recorded,
        }
        self.alice: Connection

    def listen(self) -> None:
        """Let Bob wait for somebody."""
        self.factory = ConnectionFactory(
            self.reactor, self.bobIdentity, self.handlers, limits=self.limits
        )
        self.result(UNIXServerEndpoint(self.reactor, "/bob").listen(self.factory))

    @property
    def endpoint(self) -> UNIXClientEndpoint:
        """Where Bob is."""
        return UNIXClientEndpoint(self.reactor, "/bob")

    def connect(self, **options: Any) -> None:
        """Let Alice dial."""
        options = {"peerID": self.bobIdentity.peerID, "limits": self.limits, **options}
        dialling = dial(self.reactor, self.endpoint, self.aliceIdentity, **options)
        self.alice = self.result(dialling)
        self.reactor.advance(0)

    @property
    def bob(self) -> Connection:
        """Bob's connection."""
        (connection,) = self.factory.connections
        return connection

    def result(self, awaitable: Awaitable[_T]) -> _T:
        """Let time pass until there is a result."""
        return self.reactor.resultOf(awaitable)

    def open(self, name: str, factory: IProtocolFactory) -> Any:
        """Let Alice open a stream, and give her protocol on it."""
        return self.result(self.alice.openStream(name, factory))

    def record(self) -> tuple[RecordingProtocol, RecordingProtocol]:
        """Let Alice open a stream to a protocol that records, as hers does; give both."""
        ours = self.open("/record", RecordingFactory())
        self.reactor.advance(0)
        return ours, self.recorded.protocols[-1]


@pytest.fixture
def makePeers(memory_reactor: MemoryReactor) -> Callable[..., Peers]:
    """Make two peers that are not connected yet."""

    def make(limits: Limits | None = None) -> Peers:
        return Peers(memory_reactor, limits)

    return make


@pytest.fixture
def peers(makePeers: Callable[..., Peers]) -> Peers:
    """Two peers that are connected."""
    made = makePeers()
    made.listen()
    made.connect()
    return made


class RawPeer(Protocol):
    """
    A peer that shakes hands properly, and then says whatever a test wants.

    @ivar heard: what came, decrypted.
    @ivar lost: why the connection ended, once it has.
    """

    transport: Any

    def __init__(self, identity: Identity) -> None:
        self._upgrade = Upgrade(identity, dialer=True)
        self.heard = b""
        self.lost: Failure | None = None

    def connectionMade(self) -> None:
        self.transport.write(self._upgrade.start())

    def dataReceived(self, data: bytes) -> None:
        if self._upgrade.done:
            self.heard += self._upgrade.channel.decrypt(data)
            return
        self.transport.write(self._upgrade.receive(data))
        self.heard += self._upgrade.rest

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason

    def say(self, data: bytes) -> None:
        """Send bytes of yamux, true or not."""
        self.transport.write(self._upgrade.channel.encrypt(data))


@pytest.fixture
def rawPeer(makePeers: Callable[..., Peers]) -> Callable[..., tuple[Peers, RawPeer]]:
    """Connect a raw peer to Bob."""

    def connect(limits: Limits | None = None) -> tuple[Peers, RawPeer]:
        peers = makePeers(limits)
        peers.listen()
        raw = RawPeer(peers.aliceIdentity)
        peers.result(peers.endpoint.connect(Factory.forProtocol(lambda: raw)))
        peers.reactor.advance(0)
        return peers, raw

    return connect
