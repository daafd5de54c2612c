# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The services that C{twistd onionp2p ping} and C{echo} run, over any endpoint.

Both begin in C{startService}, which C{twistd --uid} calls as the user it
changed to: what an endpoint opens and starts must belong to that user.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from twisted.application.internet import ClientService
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IReactorCore,
    IReactorTime,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from onionp2p.address import OnionAddress
from onionp2p.errors.remedies import remedied
from onionp2p.ping.initiator import PingInitiator
from onionp2p.ping.naming import addressText, peerText
from onionp2p.ping.results import Err, Ok, PingEvent
from onionp2p.ping.stopping import stopFailed, tellFailure
from onionp2p.waiting.cancelling import CANCELLED

__all__ = ["DialingService", "ListeningService", "logPingEvent"]

_log = Logger()


class ListeningService(Service):
    """
    Listens while it runs.

    When it can't listen it says so and gives up: a server that nobody can reach
    had better end, so that whoever supervises it notices.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorCore,
        endpoint: IStreamServerEndpoint,
        factory: IProtocolFactory,
        giveUp: Callable[[IReactorCore], object] = stopFailed,
    ) -> None:
        """
        @param giveUp: what to do with C{reactor} when listening failed.
        """
        self._reactor = reactor
        self._endpoint = endpoint
        self._factory = factory
        self._giveUp = giveUp
        self._port: Deferred[IListeningPort | None] = succeed(None)

    def privilegedStartService(self) -> None:
        """
        Do nothing: see the module's docstring.
        """

    def startService(self) -> None:
        Service.startService(self)
        listening: Deferred[IListeningPort] = self._endpoint.listen(self._factory)
        self._port = listening.addCallbacks(self._listens, self._failed)

    def stopService(self) -> Deferred[None]:
        """
        Stop listening.

        @return: fires once the port is closed.
        """
        Service.stopService(self)
        self._port.cancel()
        return self._port.addCallback(self._close)

    def _listens(self, port: IListeningPort) -> IListeningPort:
        host = port.getHost()
        # An onion's endpoint says it itself, for programs that know nothing of us.
        if not isinstance(host, OnionAddress):
            self._log.info("listening on {address}", address=addressText(host))
        return port

    def _failed(self, failure: Failure) -> None:
        if not self.running:
            return  # cancelled by stopService()
        tellFailure(self._log, "not listening", failure)
        self._giveUp(self._reactor)

    def _close(self, port: IListeningPort | None) -> Deferred[None]:
        return (
            succeed(None)
            if port is None
            else cast("Deferred[None]", maybeDeferred(port.stopListening))
        )


@implementer(IStreamClientEndpoint)
class _ReportingEndpoint:
    """
    Logs why a dial failed, which L{ClientService} keeps to itself.
    """

    def __init__(self, endpoint: IStreamClientEndpoint) -> None:
        self._endpoint = endpoint

    def __repr__(self) -> str:
        # ClientService logs it, and the address of a dialled peer is not for the log.
        return "the peer"

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        connecting: Deferred[IProtocol] = self._endpoint.connect(protocolFactory)
        return connecting.addErrback(self._failed)

    def _failed(self, failure: Failure) -> Failure:
        if not failure.check(*CANCELLED):
            reason = remedied(failure.value) or str(failure.value)
            _log.warn("could not connect: {error}", error=reason)
        return failure


class DialingService(ClientService):
    """
    Keeps one connection up while it runs, and logs its beginnings and ends.
    """

    def __init__(
        self, reactor: IReactorTime, endpoint: IStreamClientEndpoint, factory: IProtocolFactory
    ) -> None:
        """
        @param factory: builds L{PingInitiator}s.
        """
        super().__init__(
            _ReportingEndpoint(endpoint),
            factory,
            clock=reactor,
            prepareConnection=self._connected,
        )

    def stopService(self) -> Deferred[None]:
        """
        Close the connection, or stop dialing.

        @return: fires once that is done: at once, or after a moment when the
            peer does not read.
        """
        # Closes what is connected now.  ClientService alone would wait for a peer that never reads.
        connected = self.whenConnected()
        connected.addCallbacks(
            lambda initiator: cast("PingInitiator", initiator).close(),
            lambda notConnected: notConnected.trap(CancelledError),
        )
        return super().stopService()

    def _connected(self, protocol: IProtocol) -> None:
        initiator = cast("PingInitiator", protocol)
        peer = peerText(initiator.peer)
        _log.info("connected to {peer}", peer=peer)
        initiator.whenEnded().addCallback(
            lambda reason: _log.info(
                "the connection to {peer} ended: {reason}", peer=peer, reason=str(reason)
            )
        )


def logPingEvent(event: PingEvent) -> None:
    """
    Log the result of a ping, as the observer of a L{PingInitiatorFactory}.
    """
    peer = peerText(event.peer)
    match event.result:
        case Ok(rtt, size):
            _log.info(
                "{size} bytes from {peer}: time={milliseconds:.1f} ms",
                size=size,
                peer=peer,
                milliseconds=rtt * 1000,
            )
        case Err(reason):
            _log.warn("no answer from {peer}: {reason}", peer=peer, reason=str(reason))
