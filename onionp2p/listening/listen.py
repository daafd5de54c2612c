# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Listening: from C{listen()} to the port, and back.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IListeningPort
from twisted.python.failure import Failure
from zope.interface import implementer

from onionp2p.address import OnionAddress
from onionp2p.clients.listfile import ClientsFile
from onionp2p.clients.watch import ClientsWatch
from onionp2p.errors import ListenTimeout
from onionp2p.keys.identities import holdIdentity
from onionp2p.listening.delivery import Destination
from onionp2p.listening.lifetime import Lifetime
from onionp2p.listening.watching import Watch
from onionp2p.options import ListenOptions, Wait
from onionp2p.tor.pool import TorLease, leaseTor
from onionp2p.tor.service import Terms
from onionp2p.waiting.cancelling import cancellable
from onionp2p.waiting.outcome import Outcome
from onionp2p.waiting.running import whenRunning

if TYPE_CHECKING:
    from onionp2p.events import EventObserver, Progress
    from onionp2p.tor.servedport import ServedPort

__all__ = ["Listen", "OnionPort"]


@implementer(IListeningPort)
class OnionPort:
    """
    An onion service that is being served.
    """

    def __init__(self, address: OnionAddress, held: AsyncExitStack) -> None:
        """
        @param held: what stopping gives back.
        """
        self._address = address
        self._held = held
        self._stopped: Outcome[None] | None = None

    def __repr__(self) -> str:
        return f"<OnionPort {self._address}>"

    def startListening(self) -> None:
        """
        Do nothing: it listens from the beginning.
        """

    def stopListening(self) -> Deferred[None]:
        """
        Withdraw the onion.  Accepted connections live on.

        @return: fires once the onion is withdrawn and the local socket is gone; never fails.
        """
        if self._stopped is None:
            self._stopped = Outcome()
            closing = Deferred.fromCoroutine(self._held.aclose())
            closing.addCallbacks(self._stopped.succeed, lambda why: self._stopped.fail(why.value))
        return self._stopped.wait()

    def getHost(self) -> OnionAddress:
        """
        Give the address that others dial.
        """
        return self._address


class Listen:
    """
    One C{listen()}: makes an onion, and undoes all of it where it fails or is cancelled.
    """

    def __init__(
        self,
        reactor: Any,
        options: ListenOptions,
        destination: Destination,
        observer: EventObserver | None,
    ) -> None:
        """
        @param destination: where tor delivers.
        @param observer: told of tor's bootstrap, and of all that happens to the listener.
        """
        self._reactor = reactor
        self._options = options
        self._destination = destination
        self._observer = observer
        self._phase = "waiting for tor"

    def start(self) -> Deferred[IListeningPort]:
        """
        Begin.

        @return: fires with the port; fails with a C{CannotListenError}, or a C{CancelledError} if
            it is cancelled.
        """
        return cancellable(self._run())

    async def _run(self) -> IListeningPort:
        await whenRunning(self._reactor)
        listening = cancellable(self._listen())
        listening.addTimeout(self._options.timeout, self._reactor, self._timedOut)
        return await listening

    async def _listen(self) -> IListeningPort:
        options = self._options
        async with AsyncExitStack() as held:
            identity, giveBack = holdIdentity(self._reactor, options.tor, options.key)
            held.callback(giveBack)
            address = OnionAddress(identity.label, options.port, options.peerID)
            lifetime = Lifetime(self._reactor, address, self._observer)
            held.callback(lifetime.end)
            path = options.admission.clients
            clientsFile = None if path is None else ClientsFile(path)
            clients = None if clientsFile is None else tuple(clientsFile.read().values())
            lease = leaseTor(self._reactor, options.tor, self._follow)
            held.callback(lease.release)
            await lease.launched()
            delivery = await self._destination.open(lease, lifetime, held)
            self._phase = "waiting for tor to make the onion"
            terms = Terms(options.admission, options.circuits, options.frontend)
            served = await lease.services.serve(
                identity, address.port, delivery.name, terms, clients
            )
            held.push_async_callback(lambda: served.stop(delivery.whenIdle()))
            lifetime.begin()
            if clientsFile is not None and clients is not None:
                changes = ClientsWatch(
                    self._reactor, clientsFile, len(clients), served.changeClients
                )
                held.callback(changes.stop)
            watch = Watch(
                self._reactor,
                lease,
                served,
                delivery.local,
                lifetime,
                interval=options.watch,
                eager=options.wait is Wait.REACHABLE,
            )
            held.callback(watch.stop)
            if options.wait is not Wait.ADDRESS:
                await self._untilPublished(lease, served)
            if options.wait is Wait.REACHABLE:
                self._phase = "reaching the onion ourselves"
                await watch.whenReached()
            return OnionPort(address, held.pop_all())

    async def _untilPublished(self, lease: TorLease, served: ServedPort) -> None:
        tor = await lease.launched()
        self._phase = _waitingFor(tor.bootstrap.progress)
        await lease.bootstrapped()
        self._phase = "publishing the onion"
        try:
            await served.whenPublished()
        except CancelledError:
            self._phase += f": {served.uploads}"
            raise

    def _follow(self, progress: Progress) -> None:
        self._phase = _waitingFor(progress)
        if self._observer is not None:
            self._observer(progress)

    def _timedOut(self, result: object, timeout: float) -> object:
        if not isinstance(result, Failure) or not result.check(CancelledError):
            return result
        raise ListenTimeout(f"{timeout:g} s were not enough, {self._phase}.")


def _waitingFor(progress: Progress) -> str:
    return f"waiting for tor, which is at {progress.percent}% ({progress.summary})"
