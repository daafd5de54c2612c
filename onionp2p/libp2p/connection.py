# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A libp2p connection: an ordinary Twisted protocol, which carries streams.

Theory of operation.  L{onionp2p.libp2p.upgrade.Upgrade} makes a libp2p connection of the bytes of
any transport.  After it, what comes is decrypted and goes to L{onionp2p.libp2p.streams.Streams},
and what those write is encrypted.  We read all the time: what a peer may send is limited by the
windows of its streams, and two peers that both read only when they have written would wait for each
other.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, MutableMapping
from dataclasses import replace
from enum import Enum
from typing import Any, cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IAddress,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from onionp2p.address import OnionAddress
from onionp2p.interfaces import ICircuitTransport
from onionp2p.libp2p import identify
from onionp2p.libp2p.errors import (
    ConnectionClosing,
    ConnectionCut,
    Libp2pError,
    UpgradeLost,
    UpgradeTimeout,
)
from onionp2p.libp2p.frames import Code
from onionp2p.libp2p.identify import Identification
from onionp2p.libp2p.identifying import IdentifyFactory
from onionp2p.libp2p.identity import Identity
from onionp2p.libp2p.limits import Limits
from onionp2p.libp2p.peeraddress import peerAddress
from onionp2p.libp2p.streams import Streams
from onionp2p.libp2p.upgrade import Upgrade
from onionp2p.protocolname import checkProtocolName
from onionp2p.waiting.outcome import Outcome
from onionp2p.waiting.timer import Timer

__all__ = ["Connection"]

_SECONDS_TO_CLOSE = 5.0


class _State(Enum):
    UPGRADING = "upgrading"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


class Connection(Protocol):
    """
    One connection with a peer, over any transport.

    @ivar host: our address, with our peer id; once it is open.
    @ivar peer: the peer's address, with its proven id; once it is open.
    """

    transport: Any
    host: IAddress
    peer: IAddress
    _streams: Streams

    def __init__(
        self,
        clock: IReactorTime,
        identity: Identity,
        handlers: Mapping[str, IProtocolFactory],
        *,
        dialer: bool,
        expected: bytes | None = None,
        onion: OnionAddress | None = None,
        limits: Limits | None = None,
    ) -> None:
        """
        @param clock: schedules deadlines.
        @param identity: who we are.
        @param handlers: what builds the protocols of streams that the peer opens, by their names.
            What is added to it later counts too.
        @param dialer: whether we made the connection.
        @param expected: the peer id (a multihash) that the peer must have.
        @param onion: where we can be reached, for peers to be told.
        """
        self._clock = clock
        self._identity = identity
        self._onion = onion
        self._limits = limits or Limits()
        self._handlers: Mapping[str, IProtocolFactory] = ChainMap(
            cast("MutableMapping[str, IProtocolFactory]", handlers),  # which is only read
            {identify.NAME: IdentifyFactory(self._identification)},
        )
        self._dialer = dialer
        self._upgrade = Upgrade(identity, dialer=dialer, expected=expected)
        self._state = _State.UPGRADING
        self._ready: Outcome[Connection] = Outcome()
        self._end: Outcome[BaseException] = Outcome()
        # Until it is open, the upgrade's; while there are no streams, that of an idle connection;
        # while it closes, that for the peer to read our last.
        self._deadline = Timer(clock)

    # For applications.

    def whenReady(self) -> Deferred[Connection]:
        """
        Wait until streams can be opened.

        @return: a Deferred of the caller's own that fires with this connection, or fails with a
            L{Libp2pError}.
        """
        return self._ready.wait()

    def whenEnded(self) -> Deferred[BaseException]:
        """
        Wait for the end of the connection.

        @return: a Deferred of the caller's own that fires with the reason.
        """
        return self._end.wait()

    @property
    def ended(self) -> bool:
        """
        Whether the connection has ended.
        """
        return self._end.known

    @property
    def streams(self) -> int:
        """
        How many streams there are, those included that linger.
        """
        return len(self._streams) if self._upgrade.done else 0

    @property
    def unread(self) -> int:
        """
        How many bytes have come for protocols that don't read.
        """
        return self._streams.unread if self._upgrade.done else 0

    def openStream(self, name: str, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        Speak a protocol with the peer, on a stream of its own.

        @param name: the protocol's, as C{/ipfs/ping/1.0.0}.
        @param factory: builds it, once the peer has agreed.

        @return: fires with the protocol once it is connected, or fails with a L{Libp2pError}.  May
            be cancelled.

        @raise ValueError: if this can't be a protocol's name.
        """
        checkProtocolName(name)
        if self._state is not _State.OPEN:
            return fail(ConnectionClosing())
        return self._streams.open(name, factory)

    def close(self) -> Deferred[BaseException]:
        """
        Close the connection, and all streams on it.

        @return: fires with the reason once it has ended.
        """
        self._close(ConnectionDone(), Code.NORMAL)
        return self.whenEnded()

    def closeWhenUnused(self) -> None:
        """
        Close the connection as soon as there is no stream on it.
        """
        self._limits = replace(self._limits, idle=0.0)
        self._watchIdleness()

    def abort(self) -> None:
        """
        Close the connection at once, whatever has not been sent.
        """
        if self._state is not _State.CLOSED and self.transport is not None:
            getattr(self.transport, "abortConnection", self.transport.loseConnection)()

    # As a protocol.

    def connectionMade(self) -> None:
        noDelay = getattr(self.transport, "setTcpNoDelay", None)
        isTCP = isinstance(self.transport.getHost(), IPv4Address | IPv6Address)
        # Twisted 24.7 has it for Unix sockets, too, which refuse.
        if noDelay is not None and isTCP:
            noDelay(True)
        self._deadline.start(self._limits.handshake, self._upgradeTooLate)
        self.transport.write(self._upgrade.start())

    def dataReceived(self, data: bytes) -> None:
        try:
            if self._state is _State.UPGRADING:
                self._continueUpgrade(data)
            elif self._state is _State.OPEN:
                self._streams.receive(self._upgrade.channel.decrypt(data))
        except Libp2pError as error:
            self._fail(error)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        before, self._state = self._state, _State.CLOSED
        self._deadline.cancel()
        if before is _State.UPGRADING:
            self._ready.fail(UpgradeLost(f"It was {self._upgrade.phase}: {reason.value}"))
        elif before is _State.OPEN:
            # However cleanly it ended: nobody told the streams that they are over.
            self._streams.lose(Failure(ConnectionCut(str(reason.value))), Code.NORMAL)
        self._end.succeed(reason.value or ConnectionDone())

    # The upgrade.

    def _continueUpgrade(self, data: bytes) -> None:
        self.transport.write(self._upgrade.receive(data))
        if not self._upgrade.done:
            return
        self._deadline.cancel()
        self.host = peerAddress(self.transport.getHost(), self._identity.peerID)
        self.peer = peerAddress(self.transport.getPeer(), self._upgrade.channel.peer.peerID)
        self._streams = Streams(
            self._clock,
            self._handlers,
            self._limits,
            dialer=self._dialer,
            host=self.host,
            peer=self.peer,
            circuit=ICircuitTransport(self.transport, None),
            write=self._write,
            failed=self._fail,
        )
        self._streams.changed = self._watchIdleness
        self._state = _State.OPEN
        self.transport.registerProducer(self._streams.turns, True)
        self._watchIdleness()
        self._ready.succeed(self)
        if self._state is _State.OPEN:
            self._streams.receive(self._upgrade.rest)

    def _upgradeTooLate(self) -> None:
        self._fail(UpgradeTimeout(f"It was {self._upgrade.phase}."))

    def _identification(self) -> Identification:
        return Identification.ofOurs(self._identity.publicKey, self._handlers, self._onion)

    def _write(self, data: bytes) -> None:
        try:
            self.transport.write(self._upgrade.channel.encrypt(data))
        except Libp2pError as error:  # no nonce is left
            self._fail(error)

    # The end.

    def _fail(self, error: Libp2pError) -> None:
        self._ready.fail(error)
        self._close(error, Code.PROTOCOL_ERROR)

    def _close(self, reason: Exception, code: Code) -> None:
        """
        Say a last word, and give the peer some time to read it.
        """
        if self._state in (_State.CLOSING, _State.CLOSED) or self.transport is None:
            return
        before, self._state = self._state, _State.CLOSING
        self._ready.fail(ConnectionClosing())
        if before is _State.OPEN:
            self._write(self._streams.lose(Failure(reason), code))
            self.transport.unregisterProducer()
        self._deadline.start(_SECONDS_TO_CLOSE, self.abort)
        self.transport.loseConnection()

    def _watchIdleness(self) -> None:
        """
        Without streams a connection may have no use any more.
        """
        if self._state is not _State.OPEN:
            return
        if self._streams:
            self._deadline.cancel()
        elif self._streams.session.left:
            self._close(ConnectionDone(), Code.NORMAL)
        elif self._limits.idle is not None:
            self._deadline.start(self._limits.idle, self.close)
