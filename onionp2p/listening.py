# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Listening: from C{listen()} to the port, and back.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocol, IProtocolFactory
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from onionp2p.address import OnionAddress, OnionPeer
from onionp2p.errors import ListenTimeout, TorDied
from onionp2p.keys import Identity, KeyFile
from onionp2p.options import ListenOptions, Wait
from onionp2p.outcome import Outcome
from onionp2p.running import whenRunning
from onionp2p.tor.pool import TorLease, leaseTor
from onionp2p.transport import presentAsOnion

if TYPE_CHECKING:
    from onionp2p.events import EventObserver
    from onionp2p.tor.bootstrap import Progress
    from onionp2p.tor.onions import Onion

__all__ = ["Listen", "OnionPort"]

_BACKLOG = 1024


class _Arrival(Protocol):
    """
    A connection that tor brings, until the application's protocol takes it.
    """

    def __init__(self, protocol: IProtocol, host: OnionAddress, lease: TorLease) -> None:
        self._protocol = protocol
        self._host = host
        self._lease = lease

    def makeConnection(self, transport: Any) -> None:
        """
        Give way to the application's protocol.
        """
        presentAsOnion(transport, self._host, OnionPeer(), self._lease.share().release)
        transport.protocol = self._protocol
        self._protocol.makeConnection(transport)


class _Arrivals(Factory):
    """
    What listens on the local socket, in the application's name.
    """

    noisy = False

    def __init__(self, factory: IProtocolFactory, host: OnionAddress, lease: TorLease) -> None:
        self._factory = factory
        self._host = host
        self._lease = lease

    def doStart(self) -> None:
        self._factory.doStart()

    def doStop(self) -> None:
        self._factory.doStop()

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        protocol = self._factory.buildProtocol(OnionPeer())
        return None if protocol is None else _Arrival(protocol, self._host, self._lease)


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

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        options: ListenOptions,
        factory: IProtocolFactory,
        observer: EventObserver | None,
    ) -> None:
        """
        @param observer: told of tor's bootstrap.
        """
        self._reactor = reactor
        self._options = options
        self._factory = factory
        self._observer = observer
        self._phase = "launching tor"

    def start(self) -> Deferred[IListeningPort]:
        """
        Begin.

        @return: fires with the port; fails with a C{CannotListenError}, or a C{CancelledError} if
            it is cancelled.
        """
        return Deferred.fromCoroutine(self._run())

    async def _run(self) -> IListeningPort:
        await whenRunning(self._reactor)
        listening = Deferred.fromCoroutine(self._listen())
        listening.addTimeout(self._options.timeout, self._reactor, self._timedOut)
        return await listening

    async def _listen(self) -> IListeningPort:
        async with AsyncExitStack() as held:
            identity = self._identity(held)
            address = OnionAddress(identity.label, self._options.port)
            lease = leaseTor(self._reactor, self._options.tor, self._follow)
            held.callback(lease.release)
            tor = await lease.launched()
            target = tor.runDirectory.newTargetPath()
            arrivals = _Arrivals(self._factory, address, lease)
            local = self._reactor.listenUNIX(target, arrivals, _BACKLOG, mode=0o600)
            held.push_async_callback(maybeDeferred, local.stopListening)
            # Imported with txtorcon, which tor's launch has needed anyhow.
            from onionp2p.tor.onions import Onion

            self._phase = "waiting for tor to make the onion"
            onion = await Onion.add(self._reactor, tor.control, identity, address.port, target)
            held.push_async_callback(onion.withdraw)
            published = onion.publication.whenPublished()
            published.addCallbacks(lambda _: self._announce(address), _neverMind)
            held.callback(published.cancel)
            if self._options.wait is Wait.PUBLISHED:
                await self._untilPublished(lease, onion)
            return OnionPort(address, held.pop_all())

    def _identity(self, held: AsyncExitStack) -> Identity:
        if self._options.key is None:
            return Identity.generate()
        file = KeyFile(self._options.key)
        held.callback(file.close)
        return file.identity

    async def _untilPublished(self, lease: TorLease, onion: Onion) -> None:
        tor = await lease.launched()
        self._phase = _waitingFor(tor.bootstrap.progress)
        await lease.bootstrapped()
        self._phase = "publishing the onion"
        await onion.publication.whenPublished()

    def _follow(self, progress: Progress) -> None:
        self._phase = _waitingFor(progress)
        if self._observer is not None:
            self._observer(progress)

    def _announce(self, address: OnionAddress) -> None:
        self._log.info("listening on {address}", address=address)

    def _timedOut(self, result: object, timeout: float) -> object:
        if not isinstance(result, Failure) or not result.check(CancelledError):
            return result
        raise ListenTimeout(f"{timeout:g} s were not enough, {self._phase}.")


def _waitingFor(progress: Progress) -> str:
    return f"waiting for tor, which is at {progress.percent}% ({progress.summary})"


def _neverMind(failure: Failure) -> None:
    """
    Nothing is to be announced, then.
    """
    failure.trap(CancelledError, TorDied)
