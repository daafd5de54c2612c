# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What C{twistd onionp2p ping --libp2p --dial} runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IReactorCore, IStreamClientEndpoint
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from onionp2p.errors import OnionError
from onionp2p.libp2p.connecting import dial
from onionp2p.libp2p.connection import Connection
from onionp2p.libp2p.errors import WrongPeer
from onionp2p.libp2p.identity import Identity
from onionp2p.libp2p.identityfile import holdIdentityFile
from onionp2p.libp2p.ping import NAME, Pinger, PingsFactory
from onionp2p.ping.naming import peerText
from onionp2p.ping.periodic import INTERVAL, pingPeriodically
from onionp2p.ping.results import PingEvent
from onionp2p.ping.service import logPingEvent
from onionp2p.ping.stopping import stopFailed
from onionp2p.waiting.backoff import Backoff
from onionp2p.waiting.cancelling import CANCELLED

__all__ = ["PeerDialingService"]


class PeerDialingService(Service):
    """
    Keeps one connection to a libp2p peer up while it runs, pings it, and answers its pings.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        endpoint: IStreamClientEndpoint,
        peerID: str | None,
        *,
        identity: str | None = None,
        observer: Callable[[PingEvent], object] = logPingEvent,
        interval: float = INTERVAL,
        giveUp: Callable[[IReactorCore], object] = stopFailed,
    ) -> None:
        """
        @param peerID: who the peer must be, or L{None} if it may be anybody.
        @param identity: the file with who we are, or L{None} for somebody new.
        @param observer: is told the results.
        @param interval: seconds from a result to the next ping.
        @param giveUp: what to do with C{reactor} if the identity can't be had, or another peer than
            C{peerID} answers.
        """
        self._reactor = reactor
        self._endpoint = endpoint
        self._peerID = peerID
        self._identity = identity
        self._observer = observer
        self._interval = interval
        self._giveUp = giveUp
        self._running: Deferred[None] = succeed(None)

    def privilegedStartService(self) -> None:
        """
        Do nothing: as L{onionp2p.ping.service} says.
        """

    def startService(self) -> None:
        Service.startService(self)
        self._running = Deferred.fromCoroutine(self._run())
        self._running.addErrback(_stopped)
        self._running.addErrback(self._failed)

    def stopService(self) -> Deferred[None]:
        """
        Close the connection, or stop dialing.

        @return: fires once that is done: at once, or some seconds later when the peer does not
            read.
        """
        Service.stopService(self)
        self._running.cancel()
        return self._running

    def _failed(self, failure: Failure) -> None:
        if failure.check(OnionError):
            self._log.critical("not pinging: {error}", error=str(failure.value))
        else:
            self._log.failure("not pinging:", failure)
        self._giveUp(self._reactor)

    async def _run(self) -> None:
        identity, giveBack = holdIdentityFile(self._identity)
        backoff = Backoff(1.0, 1.5, 60.0)
        try:
            while True:
                if await self._visit(identity):
                    backoff.reset()
                await deferLater(self._reactor, backoff.next())
        finally:
            giveBack()

    async def _visit(self, identity: Identity) -> bool:
        """
        Connect once, and stay as long as the connection does.

        @return: whether there was one.
        """
        try:
            connection = await dial(
                self._reactor,
                self._endpoint,
                identity,
                peerID=self._peerID,
                handlers={NAME: PingsFactory()},
            )
        except (*CANCELLED, WrongPeer):  # it will be the wrong one each time
            raise
        except ConnectError as error:
            self._log.warn("could not connect: {error}", error=str(error))
            return False
        pinger = Pinger(self._reactor, connection)
        try:
            await self._pingUntilTheEnd(connection, pinger)
        finally:
            await pinger.close()
            await connection.close()
        return True

    async def _pingUntilTheEnd(self, connection: Connection, pinger: Pinger) -> None:
        peer = peerText(connection.peer)
        self._log.info("connected to {peer}", peer=peer)
        pinging = Deferred.fromCoroutine(
            pingPeriodically(
                self._reactor,
                pinger.ping,
                connection.peer,
                self._observer,
                interval=self._interval,
                ended=lambda: connection.ended,
            )
        )
        pinging.addErrback(_stopped)
        try:
            reason = str(await connection.whenEnded())
            self._log.info("the connection to {peer} ended: {reason}", peer=peer, reason=reason)
        finally:
            pinging.cancel()


def _stopped(failure: Failure) -> None:
    """
    That a coroutine was cancelled is its ordinary end.
    """
    failure.trap(*CANCELLED)
