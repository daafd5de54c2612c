# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
An onion between what is desired of it and what tor serves.

Where tor refuses a change, what was in force before is put in force again.  Where it does not
answer, or nobody waited, what is in force is unknown until the next change.

What nobody would ask for again is tried again, after pauses that grow: an onion of which nothing is
in force, since a fresh tor has refused it; one of which tor has said nothing; and one that no
directory has taken.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from onionp2p.errors import (
    ControlLost,
    ControlTimeout,
    OnionRefused,
    TorError,
    TorRefusedCommand,
)
from onionp2p.tor.publication import Publication
from onionp2p.tor.service import NOWHERE, Service
from onionp2p.waiting.turns import Turns

if TYPE_CHECKING:
    from onionp2p.tor.servedport import ServedPort
    from onionp2p.tor.serving import Serving

__all__ = ["ServedOnion"]


class ServedOnion:
    """
    One onion.

    @ivar desired: what it is to be.
    @ivar leaving: the listeners that were stopped while their connections lived, and their ports.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        desired: Service,
        serving: Callable[[], Serving | None],
        over: Callable[[ServedOnion], None],
    ) -> None:
        """
        @param serving: gives the present tor, if there is one.
        @param over: called with this when nothing of it is desired any more, and tor was told so.
        """
        self.desired = desired
        self.leaving: dict[ServedPort, int] = {}
        self.publication = Publication(clock, self._again)
        self._serving = serving
        self._over = over
        self._turn = Turns()
        self._inForce: Service | None = None
        self._isKnown = True

    @property
    def _wanted(self) -> Service | None:
        """
        What tor is to serve for what is desired: L{None} for nothing.
        """
        wanted = self.desired
        if wanted.terms.inFolder:
            for port in self.leaving.values():
                if not wanted.servesPort(port):
                    wanted = wanted.withPort(port, NOWHERE)
        return wanted if wanted.targets else None

    def lost(self) -> None:
        """
        Tor has gone, and the onion with it.
        """
        self._inForce, self._isKnown = None, True
        self.publication.begin(isNew=True)

    async def follow(self) -> None:
        """
        Have tor serve it as it is desired; where tor is gone or silent, the next one does.

        @raise OnionRefused: if tor refuses.
        """
        await self._inTurn(isAnew=False)

    async def renew(self) -> None:
        """
        The same; and where it is so already, have tor make it anew.

        One in a folder would lose its streams, so that is done only if nobody can have found it.

        @raise OnionRefused: if tor refuses.
        """
        await self._inTurn(isAnew=not (self.desired.terms.inFolder and self.publication.found))

    async def _inTurn(self, *, isAnew: bool) -> None:
        await self._turn.acquire()
        try:
            wanted = self._wanted
            if isAnew:
                await self._leave(wanted)
            if not self._isKnown or wanted != self._inForce:
                await self._change(wanted)
        except ControlLost:
            pass
        except ControlTimeout:
            self.publication.tryLater()
        except OnionRefused:
            if self._inForce is None or not self._isKnown:
                self.publication.tryLater()
            raise
        finally:
            self._turn.release()
            if self._wanted is None and not self._turn.waiting:
                self.publication.stop()
                self._over(self)

    async def _leave(self, wanted: Service | None) -> None:
        """
        See to it that the next change has tor make it anew.
        """
        if wanted is None or not wanted.terms.inFolder:
            self._isKnown = False
        elif self._inForce is not None:
            await self._change(None)

    async def _change(self, wanted: Service | None) -> None:
        serving, before, isKnown = self._serving(), self._inForce, self._isKnown
        if serving is None:
            raise ControlLost
        self._isKnown = False
        if serving.makesDescriptor(before if isKnown else None, wanted):
            self.publication.begin(isNew=before is None)
        error: Exception
        try:
            await serving.put(self.desired.label, before, wanted, isKnown=isKnown)
        except TorRefusedCommand as refused:
            error = OnionRefused(f"Tor says: {refused.detail}.")
        except OnionRefused as refused:
            error = refused
        else:
            self._inForce, self._isKnown = wanted, True
            return
        if before is not None:
            with suppress(OnionRefused, TorError):
                await serving.put(before.label, wanted, before, isKnown=False)
                self._isKnown = True
        else:
            self._isKnown = True
        raise error

    def _again(self) -> None:
        Deferred.fromCoroutine(self._tryAgain())

    async def _tryAgain(self) -> None:
        serving = self._serving()
        try:
            if serving is None or await serving.networkIsDown():
                self._tryLater()  # whatever is done now could only make it worse
                return
            self._log.info("publishing {address} anew", address=self.desired.identity.hostname)
            await self.renew()
        except OnionRefused as refused:
            self._log.error("an onion is not served: {error}", error=refused)
        except ControlTimeout:
            self._tryLater()
        except ControlLost:  # the next tor is told
            return

    def _tryLater(self) -> None:
        if self._wanted is not None:
            self.publication.tryLater()
