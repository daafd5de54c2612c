# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The onions that one tor is to serve: what was asked for, kept as data and applied.

Theory of operation.  Every change changes first what is desired, at once, and then has tor follow,
one change of an onion after another.  What waits for its turn is done together.  So an onion is
what its listeners asked for last, whatever order tor's answers come in; and a tor that knows
nothing, a fresh one, is brought to the same state by one call, L{OnionServices.applyTo}.

Where tor refuses a change, what was in force before is put in force again.  Where it does not
answer, or nobody waited, what is in force is unknown until the next change.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, DeferredList, DeferredLock, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from onionp2p.errors import (
    ControlLost,
    ControlTimeout,
    OnionPortInUse,
    OnionRefused,
    OnionTermsDiffer,
    TorError,
    TorRefusedCommand,
)
from onionp2p.keys import Identity
from onionp2p.outcome import Outcome
from onionp2p.tor.publication import Publication
from onionp2p.tor.service import NOWHERE, Clients, Service, Terms
from onionp2p.tor.serving import Serving

if TYPE_CHECKING:
    from onionp2p.tor.clientauth import ClientAuthorizations
    from onionp2p.tor.control import TorControl

__all__ = ["OnionServices", "ServedPort"]

_SECONDS_TO_WITHDRAW = 2.0
_PORTS = 1 << 16


class _Onion:
    """
    One onion.

    @ivar desired: what it is to be.
    @ivar inForce: what tor serves, or L{None}.
    @ivar uncertain: whether that is not known.
    @ivar leaving: the listeners that were stopped while their connections lived, and their ports.
    """

    def __init__(self, clock: IReactorTime, desired: Service) -> None:
        self.desired = desired
        self.inForce: Service | None = None
        self.uncertain = False
        self.leaving: dict[ServedPort, int] = {}
        self.publication = Publication(clock)
        self.turn = DeferredLock()

    @property
    def wanted(self) -> Service | None:
        """
        What tor is to serve for that: L{None} for nothing.
        """
        wanted = self.desired
        if wanted.terms.inFolder:
            for port in self.leaving.values():
                if not wanted.servesPort(port):
                    wanted = wanted.withPort(port, NOWHERE)
        return wanted if wanted.targets else None


class ServedPort:
    """
    A port of an onion that a listener has.
    """

    def __init__(self, services: OnionServices, onion: _Onion, port: int) -> None:
        self._services = services
        self._onion = onion
        self._port = port

    def whenPublished(self) -> Deferred[None]:
        """
        Give a Deferred that fires when others can look the onion up, as it is by then; it fails
        when there will be no more tors, with the reason.
        """
        return self._onion.publication.whenPublished()

    async def changeClients(self, clients: Clients) -> None:
        """
        Let in these from now on, at all ports; where tor is gone, from the next one on.

        @raise OnionRefused: if tor refuses; then the former ones stay.
        """
        self._onion.desired = self._onion.desired.withClients(clients)
        await self._services.follow(self._onion)

    async def republish(self) -> None:
        """
        Have tor make the onion anew, introduction points and descriptors included.  Streams live
        on.

        @raise OnionRefused: if tor refuses.
        """
        await self._services.renew(self._onion)

    async def enter(self, authorizations: ClientAuthorizations) -> Callable[[], None]:
        """
        See to it that we can enter ourselves, where only some may.

        @return: a callable that ends this.

        @raise ClientKeyConflict: if tor has another key to this onion.
        @raise TorError: if tor refuses, or is gone.
        """
        service = self._onion.desired
        if service.clients is None:
            return _nothing
        return await authorizations.hold(service.label, service.ours)

    @property
    def label(self) -> str:
        """
        The 56 characters of the onion's address.
        """
        return self._onion.desired.label

    def unservedPort(self) -> int:
        """
        Give a virtual port at which nobody listens.
        """
        service = self._onion.desired
        ports = [port for port in range(1, _PORTS) if not service.servesPort(port)]
        return secrets.choice(ports)

    async def stop(self, idle: Deferred[None]) -> None:
        """
        Serve the port no more; its connections live on.  Never fails, and takes 2 s at most: where
        tor is gone, so is the onion, and one that is frozen obeys when it thaws.

        @param idle: fires when the last connection has ended.
        """
        await self._services.stop(self, self._onion, self._port, idle)


class OnionServices:
    """
    All that one tor is to serve for us.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._onions: dict[str, _Onion] = {}
        self._serving: Serving | None = None

    async def applyTo(self, control: TorControl, folder: str | None) -> None:
        """
        Have a fresh tor serve all that is desired, from now on.

        @param control: its control connection.
        @param folder: where the folders of onions may be: private, its path plain.  L{None} if
            the tor is not ours, and may have such onions of its own.

        @raise OnionRefused: if tor refuses one; the others are served.
        """
        self._serving = serving = Serving(control, folder)
        forget = control.observe("HS_DESC", self._event)
        control.whenLost().addCallback(lambda _: self._lost(serving, forget))
        for onion in self._onions.values():
            onion.inForce, onion.uncertain = None, False
        following: list[Deferred[object]] = [
            Deferred.fromCoroutine(self.follow(each)) for each in self._onions.values()
        ]
        for _, failure in await DeferredList(following, consumeErrors=True):
            if isinstance(failure, Failure):
                failure.raiseException()

    def _lost(self, serving: Serving, forget: Callable[[], None]) -> None:
        forget()
        if serving is self._serving:
            for onion in self._onions.values():
                onion.publication.begin()

    def giveUp(self, error: Exception) -> None:
        """
        There will be no more tors: tell those who wait for a publication.
        """
        for onion in list(self._onions.values()):
            onion.publication.giveUp(error)

    def _event(self, text: str) -> None:
        words = text.split()
        if len(words) >= 4 and words[1] in self._onions:
            self._onions[words[1]].publication.event(words[0], words[3])

    async def serve(
        self, identity: Identity, port: int, target: str, terms: Terms, clients: Clients = None
    ) -> ServedPort:
        """
        Serve a port, of an onion that is served already or of a new one.  Returns before anybody
        can look it up; where tor is gone, the next one serves it.

        @param port: the virtual port.
        @param target: where tor is to deliver, as L{onionp2p.targets} gives it.
        @param clients: who may enter from now on, at all ports.

        @raise OnionPortInUse: if it is served already.
        @raise OnionTermsDiffer: if its other ports are served on other terms.
        @raise OnionRefused: if tor refuses.
        """
        onion = self._onionFor(identity, terms)
        if onion.desired.servesPort(port):
            raise OnionPortInUse(f"It is port {port} of {identity.label}.onion.")
        onion.desired = onion.desired.withPort(port, target).withClients(clients)
        try:
            await self.follow(onion)
        except BaseException:
            await self._settle(onion, port)
            raise
        return ServedPort(self, onion, port)

    def _onionFor(self, identity: Identity, terms: Terms) -> _Onion:
        onion = self._onions.get(identity.label)
        if onion is None:
            desired = Service(identity, identity.label, terms)
            onion = self._onions[identity.label] = _Onion(self._clock, desired)
        elif not onion.desired.targets:
            onion.desired = replace(onion.desired, terms=terms)
        elif onion.desired.terms != terms:
            raise OnionTermsDiffer(f"It is {identity.label}.onion.")
        return onion

    async def stop(
        self, served: ServedPort, onion: _Onion, port: int, idle: Deferred[None]
    ) -> None:
        """
        See L{ServedPort.stop}.
        """
        if onion.desired.terms.inFolder and not idle.called:
            # Tor would end its circuits with it.
            onion.leaving[served] = port
            idle.addCallback(self._left, served, onion)
        await self._settle(onion, port)

    def _left(self, _: None, served: ServedPort, onion: _Onion) -> None:
        del onion.leaving[served]
        Deferred.fromCoroutine(self._settle(onion))

    async def _settle(self, onion: _Onion, stopped: int | None = None) -> None:
        """
        Have tor follow to where less is desired, and wait a little.
        """
        if stopped is not None:
            onion.desired = onion.desired.withoutPort(stopped)
        followed: Outcome[None] = Outcome()
        following = Deferred.fromCoroutine(self.follow(onion))
        following.addErrback(self._unsettled).addCallback(followed.succeed)
        with suppress(TimeoutError):
            await followed.wait().addTimeout(_SECONDS_TO_WITHDRAW, self._clock)

    def _unsettled(self, failure: Failure) -> None:
        if failure.check(OnionRefused):
            self._log.error("an onion could not be changed: {error}", error=failure.value)
        else:
            failure.trap(TorError)

    async def closeCircuit(self, circuit: int) -> None:
        """
        End a circuit, and all streams on it.  Never fails.

        @param circuit: its number, as tor gives it.
        """
        if self._serving is not None:
            await self._serving.closeCircuit(circuit)

    async def renew(self, onion: _Onion) -> None:
        """
        See L{ServedPort.republish}.
        """
        # One in a folder would lose its streams.
        onion.uncertain = onion.uncertain or not onion.desired.terms.inFolder
        await self.follow(onion)

    async def follow(self, onion: _Onion) -> None:
        """
        Have tor serve an onion as it is desired; where it is gone or silent, the next one does.

        @raise OnionRefused: if it refuses.
        """
        await onion.turn.acquire()
        try:
            wanted = onion.wanted
            if onion.uncertain or wanted != onion.inForce:
                with suppress(ControlLost, ControlTimeout):
                    await self._change(onion, wanted)
        finally:
            onion.turn.release()
            label = onion.desired.label
            if onion.wanted is None and not onion.turn.waiting and self._onions.get(label) is onion:
                onion.publication.stop()
                del self._onions[label]

    async def _change(self, onion: _Onion, wanted: Service | None) -> None:
        serving, before = self._serving, onion.inForce
        if serving is None:
            raise ControlLost
        isKnown, onion.uncertain = not onion.uncertain, True
        if serving.makesDescriptor(before if isKnown else None, wanted):
            onion.publication.begin()
        error: Exception
        try:
            await serving.put(onion.desired.label, before, wanted, isKnown=isKnown)
        except TorRefusedCommand as refused:
            error = OnionRefused(f"Tor says: {refused.detail}.")
        except OnionRefused as refused:
            error = refused
        else:
            onion.inForce, onion.uncertain = wanted, False
            return
        if before is not None:
            with suppress(OnionRefused, TorError):
                await serving.put(before.label, wanted, before, isKnown=False)
                onion.uncertain = False
        else:
            onion.uncertain = False
        raise error


def _nothing() -> None:
    """
    Everybody may enter.
    """
