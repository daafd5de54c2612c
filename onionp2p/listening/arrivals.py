# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The connections that tor brings to a listener, until the application's protocol takes them.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IProtocol, IProtocolFactory
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from onionp2p.address import OnionAddress, OnionPeer
from onionp2p.listening.circuits import Circuits, circuitClass
from onionp2p.listening.proxyheader import ProxyHeader, ProxyHeaderError
from onionp2p.listening.targets import BACKLOG
from onionp2p.tor.pool import TorLease
from onionp2p.transport import onionClass, presentAsOnion
from onionp2p.waiting.outcome import Outcome

__all__ = ["Arrivals"]

_ANYBODY = OnionPeer()
_SECONDS_FOR_HEADER = 10.0
# Tor connects all that it has, and then tells the circuits of all.
_MOST_WITHOUT_HEADER = BACKLOG


class Arrivals(Factory):
    """
    What listens on the local socket, in the application's name.

    Nothing of this is kept per connection.
    """

    noisy = False

    def __init__(
        self,
        factory: IProtocolFactory,
        host: OnionAddress,
        lease: TorLease | None,
        *,
        most: int = 0,
        circuits: bool = False,
    ) -> None:
        """
        @param host: what connections say of their own side.
        @param lease: of the tor that brings them, which is shared for as long as there are some;
            L{None} if it is not ours to keep.
        @param most: how many there may be at a time, 0 for any number.
        @param circuits: whether tor, which must be leased, tells the circuit of each.
        """
        self.factory = factory
        self.host = host
        self.circuits: Circuits | None = None
        if circuits and lease is not None:
            self.circuits = Circuits(lease.services.closeCircuit)
        self.withoutHeader = 0
        self._lease = lease
        self._most = most
        self._open = 0
        self._shared: TorLease | None = None
        self._idle: Outcome[None] = Outcome()

    def prepare(self, port: Any) -> None:
        """
        Have the local port that listens for this make its transports as they are to be in the end,
        which halves the memory that they take.

        @param port: of a class of Twisted's; or one in memory, where there is nothing to save.
        """
        ofTwisted = getattr(port, "transport", None)
        if isinstance(ofTwisted, type):
            ofOurs = onionClass(ofTwisted)
            port.transport = ofOurs if self.circuits is None else circuitClass(ofOurs)

    def doStart(self) -> None:
        """
        Do nothing: the application's factory outlives the ports that listen for it.
        """

    def doStop(self) -> None:
        """
        The same.
        """

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        if self._most and self._open >= self._most:
            return None
        if self.circuits is not None:
            if self.withoutHeader >= _MOST_WITHOUT_HEADER:
                return None
            return _WithHeader(self, self.circuits)
        protocol = self.factory.buildProtocol(_ANYBODY)
        return None if protocol is None else _Arrival(self, protocol)

    def whenIdle(self) -> Deferred[None]:
        """
        Give a Deferred that fires when no connection is left.
        """
        if not self._open:
            self._idle.succeed(None)
        return self._idle.wait()

    def began(self) -> None:
        """
        There is one more connection.
        """
        if not self._open:
            self._shared = None if self._lease is None else self._lease.share()
            self._idle = Outcome()
        self._open += 1

    def ended(self) -> None:
        """
        There is one less.
        """
        self._open -= 1
        if self._open:
            return
        self._idle.succeed(None)
        if self._shared is not None:
            self._shared.release()


class _Arrival(Protocol):
    """
    A connection that is the application's at once.
    """

    def __init__(self, arrivals: Arrivals, protocol: IProtocol) -> None:
        self._arrivals = arrivals
        self._protocol = protocol

    def makeConnection(self, transport: Any) -> None:
        """
        Give way to the application's protocol.
        """
        arrivals = self._arrivals
        arrivals.began()
        presentAsOnion(transport, arrivals.host, _ANYBODY, arrivals.ended)
        transport.protocol = self._protocol
        self._protocol.makeConnection(transport)


class _WithHeader(Protocol):
    """
    A connection of which tor is to tell the circuit first.

    It reads that line and not a byte more: from then on the socket is the application's.
    """

    _log = Logger()
    transport: Any = None

    def __init__(self, arrivals: Arrivals, circuits: Circuits) -> None:
        self._arrivals = arrivals
        self._circuits = circuits
        self._header = ProxyHeader(arrivals.host.port)
        self._deadline: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self._arrivals.began()
        self._arrivals.withoutHeader += 1
        # At once, since transports that get attributes after others were made share no keys.
        presentAsOnion(self.transport, self._arrivals.host, _ANYBODY, self._arrivals.ended)
        self._circuits.expect(self.transport)
        self._deadline = self.transport.reactor.callLater(
            _SECONDS_FOR_HEADER, self._refuse, "it came without a line that names its circuit"
        )
        self.transport.bufferSize = self._header.wanted

    def dataReceived(self, data: bytes) -> None:
        try:
            isRead = self._header.receive(data)
        except ProxyHeaderError:
            self._refuse("it began with something else than its circuit")
            return
        if isRead:
            self.transport.bufferSize = type(self.transport).bufferSize
            self._handOver()
        else:
            self.transport.bufferSize = self._header.wanted

    def _handOver(self) -> None:
        arrivals, transport, circuit = self._arrivals, self.transport, self._header.circuit
        peer = OnionPeer(circuit)
        protocol = arrivals.factory.buildProtocol(peer)
        if protocol is None:
            transport.abortConnection()
            return
        self._settle()
        presentAsOnion(transport, arrivals.host, peer, arrivals.ended)
        self._circuits.join(circuit, transport)
        transport.protocol = protocol
        protocol.makeConnection(transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._settle()

    def _settle(self) -> None:
        self._arrivals.withoutHeader -= 1
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()

    def _refuse(self, why: str) -> None:
        self._log.error("a connection was refused: {why}", why=why)
        self.transport.abortConnection()
