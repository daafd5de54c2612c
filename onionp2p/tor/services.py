# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The onions that one tor is to serve: what was asked for, kept as data and applied.

Theory of operation.  Every change changes first what is desired, at once, and then has tor follow,
one change of an onion after another.  What waits for its turn is done together.  So an onion is
what its listeners asked for last, whatever order tor's answers come in; and a tor that knows
nothing, a fresh one, is brought to the same state by one call, L{OnionServices.applyTo}.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, DeferredList, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from onionp2p.errors import (
    OnionPortInUse,
    OnionRefused,
    OnionTermsDiffer,
    TorError,
)
from onionp2p.keys import Identity
from onionp2p.tor.servedonion import ServedOnion
from onionp2p.tor.servedport import ServedPort
from onionp2p.tor.service import Clients, Service, Terms
from onionp2p.tor.serving import Serving
from onionp2p.waiting.outcome import Outcome

if TYPE_CHECKING:
    from onionp2p.tor.control import TorControl

__all__ = ["OnionServices", "ServedPort"]

_SECONDS_TO_WITHDRAW = 2.0


class OnionServices:
    """
    All that one tor is to serve for us.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._onions: dict[str, ServedOnion] = {}
        self._serving: Serving | None = None

    async def applyTo(self, control: TorControl, folder: str | None) -> None:
        """
        Have a fresh tor serve all that is desired, from now on.

        @param control: its control connection.
        @param folder: where the folders of onions may be: private, its path plain.  L{None} if
            the tor is not ours, and may have such onions of its own.

        @raise OnionRefused: if tor refuses one, which is tried again; the others are served.
        """
        self._serving = serving = Serving(control, folder)
        forget = control.observe("HS_DESC", self._event)
        control.whenLost().addCallback(lambda _: self._lost(serving, forget))
        following: list[Deferred[object]] = []
        for onion in list(self._onions.values()):
            onion.lost()  # also what was told to the former one when that had gone
            following.append(Deferred.fromCoroutine(onion.follow()))
        for _, failure in await DeferredList(following, consumeErrors=True):
            if isinstance(failure, Failure):
                failure.raiseException()

    def _lost(self, serving: Serving, forget: Callable[[], None]) -> None:
        forget()
        if serving is self._serving:
            for onion in self._onions.values():
                onion.lost()

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
        @param target: where tor is to deliver, as L{onionp2p.listening.targets} gives it.
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
            await onion.follow()
        except BaseException:
            await self._settle(onion, port)
            raise
        return ServedPort(self, onion, port)

    def _onionFor(self, identity: Identity, terms: Terms) -> ServedOnion:
        onion = self._onions.get(identity.label)
        if onion is None:
            desired = Service(identity, identity.label, terms)
            onion = self._onions[identity.label] = ServedOnion(
                self._clock,
                desired,
                serving=lambda: self._serving,
                over=self._forget,
            )
        elif not onion.desired.targets:
            onion.desired = replace(onion.desired, terms=terms)
        elif onion.desired.terms != terms:
            raise OnionTermsDiffer(f"It is {identity.label}.onion.")
        return onion

    def _forget(self, onion: ServedOnion) -> None:
        if self._onions.get(onion.desired.label) is onion:
            del self._onions[onion.desired.label]

    async def stop(
        self, served: ServedPort, onion: ServedOnion, port: int, idle: Deferred[None]
    ) -> None:
        """
        See L{ServedPort.stop}.
        """
        if onion.desired.terms.inFolder and not idle.called:
            # Tor would end its circuits with it.
            onion.leaving[served] = port
            idle.addCallback(self._left, served, onion)
        await self._settle(onion, port)

    def _left(self, _: None, served: ServedPort, onion: ServedOnion) -> None:
        del onion.leaving[served]
        Deferred.fromCoroutine(self._settle(onion))

    async def _settle(self, onion: ServedOnion, stopped: int | None = None) -> None:
        """
        Have tor follow to where less is desired, and wait a little.
        """
        if stopped is not None:
            onion.desired = onion.desired.withoutPort(stopped)
        followed: Outcome[None] = Outcome()
        following = Deferred.fromCoroutine(onion.follow())
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
