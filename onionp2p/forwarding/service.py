# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The services that C{twistd onionp2p forward}, C{publish} and C{reach} run.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IReactorCore, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from onionp2p.address import OnionAddress
from onionp2p.forwarding.descriptors import allowDescriptors
from onionp2p.forwarding.forwarder import Forwarder
from onionp2p.forwarding.limits import Limits
from onionp2p.forwarding.publishing import publish
from onionp2p.forwarding.reaching import reach
from onionp2p.local.places import Place
from onionp2p.options import DialOptions, ListenOptions
from onionp2p.ping.naming import addressText
from onionp2p.ping.stopping import stopFailed, tellFailure

__all__ = ["CarrierService", "beginForward", "beginPublish", "beginReach"]

_log = Logger()

Stop = Callable[[], Coroutine[Deferred[Any], Any, None]]
"""What ends it."""


class CarrierService(Service):
    """
    Carries while it runs.

    When it can't begin it says so and gives up, so that whoever supervises it notices.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorCore,
        begin: Callable[[], Coroutine[Deferred[Any], Any, Stop]],
        giveUp: Callable[[IReactorCore], object] = stopFailed,
    ) -> None:
        """
        @param begin: begins, and gives what ends it.
        @param giveUp: what to do with C{reactor} when that failed.
        """
        self._reactor = reactor
        self._begin = begin
        self._giveUp = giveUp
        self._begun: Deferred[Stop | None] = succeed(None)

    def privilegedStartService(self) -> None:
        """
        Do nothing: what is opened and started belongs to the user that C{twistd --uid} changes to.
        """

    def startService(self) -> None:
        Service.startService(self)
        beginning = Deferred.fromCoroutine(self._begin())
        self._begun = beginning.addErrback(self._failed)

    def stopService(self) -> Deferred[None]:
        """
        End it.

        @return: fires once the connections are closed, and nobody is let in any more.
        """
        Service.stopService(self)
        self._begun.cancel()
        return self._begun.addCallback(_end)

    def _failed(self, failure: Failure) -> None:
        if not self.running:
            return  # cancelled by stopService()
        tellFailure(self._log, "nothing is carried", failure)
        self._giveUp(self._reactor)


def _end(stop: Stop | None) -> Deferred[None]:
    return succeed(None) if stop is None else Deferred.fromCoroutine(stop())


async def beginForward(listen: IStreamServerEndpoint, forwarder: Forwarder) -> Stop:
    """
    Carry from one endpoint to another.
    """
    allowDescriptors(forwarder.limits.connections)
    port = await listen.listen(forwarder)
    host = port.getHost()
    # An onion's endpoint says it itself.
    if not isinstance(host, OnionAddress):
        _log.info("listening on {address}", address=addressText(host))

    async def stop() -> None:
        await maybeDeferred(port.stopListening)
        await forwarder.stop()

    return stop


async def beginPublish(reactor: Any, target: Place, options: ListenOptions) -> Stop:
    """
    Make an onion that leads to a program on this machine.
    """
    port = await publish(reactor, target, options)

    async def stop() -> None:
        await port.stopListening()

    return stop


async def beginReach(
    reactor: Any, options: DialOptions, at: Place, *, warm: float, timeout: float, limits: Limits
) -> Stop:
    """
    Make a local place that leads to an onion.

    @param warm: as L{reach} has it, but 0 for never.
    """
    allowDescriptors(limits.connections)
    reaching = await reach(reactor, options, at, warm=warm or None, timeout=timeout, limits=limits)
    return reaching.stop
