# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Where tor delivers the connections of an onion that we serve.

To a socket of ours, at which an application's factory takes them; or, as
L{onionp2p.forwarding.publish} has it, to a program that listens by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory

from onionp2p.listening.arrivals import Arrivals
from onionp2p.listening.lifetime import Lifetime
from onionp2p.listening.localport import LocalPort
from onionp2p.listening.targets import OF_OTHERS, OURS, nameOfTarget
from onionp2p.local.places import Place
from onionp2p.options import ListenOptions
from onionp2p.tor.pool import TorLease

__all__ = ["Delivery", "Destination", "OurSocket"]


@dataclass(frozen=True)
class Delivery:
    """
    A socket of this machine to which tor takes an onion's connections.

    @ivar name: what names it in tor's C{Port=} and C{HiddenServicePort}.
    @ivar whenIdle: gives a Deferred that fires when none of the connections is left.
    @ivar local: our socket, which is restored when it is lost; L{None} if it is another program's.
    """

    name: str
    whenIdle: Callable[[], Deferred[None]]
    local: LocalPort | None = None


class Destination(Protocol):
    """
    What makes a delivery ready once there is a tor.
    """

    async def open(self, lease: TorLease, lifetime: Lifetime, held: AsyncExitStack) -> Delivery:
        """
        Make it ready.

        @param lease: of the tor that is to deliver.
        @param lifetime: of the listener; has the onion's address.
        @param held: takes what is to be closed when the onion is withdrawn.

        @raise CannotListenError: says why it can't be.
        """


class OurSocket:
    """
    A socket of ours, for an application's factory.
    """

    def __init__(self, reactor: Any, options: ListenOptions, factory: IProtocolFactory) -> None:
        self._reactor = reactor
        self._options = options
        self._factory = factory

    async def open(self, lease: TorLease, lifetime: Lifetime, held: AsyncExitStack) -> Delivery:
        options = self._options
        tor = await lease.launched()
        arrivals = Arrivals(
            self._factory,
            lifetime.address,
            lease,
            most=options.maxConnections,
            circuits=options.circuits,
        )
        if options.target is None:
            place, mode = tor.newTarget(), OURS
        else:
            place, mode = Place.of(options.target), OF_OTHERS
        local = LocalPort(
            self._reactor, place, arrivals, mode, lifetime, restoreFolder=lease.restoreFolder
        )
        held.push_async_callback(local.close)
        await local.open()
        return Delivery(nameOfTarget(local.place), arrivals.whenIdle, local)
