# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Attaching: listening on an onion that some tor serves already (C{addr=}).

We make no onion, launch no tor and withdraw nothing: all that is ours is the socket to which tor
takes the onion's connections, and all that we look after.  With C{control=} the tor that serves it
is asked where that is, and left alone again: afterwards it may stop, start and come back, and needs
no word from us.  Whether the onion can be reached is not ours to try: there may be no tor to dial
by, nor a key that lets us in.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.python.failure import Failure

from onionp2p.address import OnionAddress
from onionp2p.errors import ControlTimeout
from onionp2p.events import Attached
from onionp2p.listening.arrivals import Arrivals
from onionp2p.listening.lifetime import Lifetime
from onionp2p.listening.listen import OnionPort
from onionp2p.listening.localport import LocalPort
from onionp2p.listening.targets import OF_OTHERS
from onionp2p.local.places import Place
from onionp2p.options import ListenOptions
from onionp2p.tor.pool import leaseTor
from onionp2p.waiting.cancelling import cancellable
from onionp2p.waiting.running import whenRunning

if TYPE_CHECKING:
    from onionp2p.events import EventObserver, Progress

__all__ = ["Attach"]


class Attach:
    """
    One C{listen()} on an onion that exists.
    """

    def __init__(
        self,
        reactor: Any,
        options: ListenOptions,
        address: OnionAddress,
        factory: IProtocolFactory,
        observer: EventObserver | None,
    ) -> None:
        """
        @param address: the onion.
        @param observer: told how far the tor is that is asked, and what happens to our socket.
        """
        self._reactor = reactor
        self._options = options
        self._address = address
        self._factory = factory
        self._observer = observer

    def start(self) -> Deferred[IListeningPort]:
        """
        Begin.

        @return: fires with the port as soon as it listens; fails with a C{CannotListenError}, or
            a C{CancelledError} if it is cancelled.
        """
        return cancellable(self._run())

    async def _run(self) -> IListeningPort:
        await whenRunning(self._reactor)
        attaching = cancellable(self._attach())
        attaching.addTimeout(self._options.timeout, self._reactor, _timedOut)
        return await attaching

    async def _attach(self) -> IListeningPort:
        async with AsyncExitStack() as held:
            lifetime = Lifetime(self._reactor, self._address, self._observer)
            held.callback(lifetime.end)
            target = self._options.target
            place = await self._ask() if target is None else Place.of(target)
            arrivals = Arrivals(
                self._factory, self._address, None, most=self._options.maxConnections
            )
            local = LocalPort(self._reactor, place, arrivals, OF_OTHERS, lifetime)
            held.push_async_callback(local.close)
            await local.open()
            lifetime.begin()
            keeping = cancellable(_keep(local, lifetime)).addErrback(_cancelled)
            lifetime.whenEnded().addCallback(lambda _: keeping.cancel())
            held.callback(keeping.cancel)
            return OnionPort(self._address, held.pop_all())

    async def _ask(self) -> Place:
        lease = leaseTor(self._reactor, self._options.tor, self._follow)
        try:
            tor = await lease.launched()
            # Imported with txtorcon, which the connection has needed anyhow.
            from onionp2p.tor.configured import findTarget

            return await findTarget(tor.control, self._address)
        finally:
            lease.release()

    def _follow(self, progress: Progress) -> None:
        if self._observer is not None:
            self._observer(progress)


async def _keep(local: LocalPort, lifetime: Lifetime) -> None:
    """
    Tell that we are attached, and see that we stay so.
    """
    while True:
        lifetime.tell(Attached(lifetime.address))
        await local.untilLost()
        await local.restore()


def _cancelled(failure: Failure) -> None:
    failure.trap(CancelledError)


def _timedOut(result: object, timeout: float) -> object:
    if not isinstance(result, Failure) or not result.check(CancelledError):
        return result
    raise ControlTimeout(f"{timeout:g} s were not enough.")
