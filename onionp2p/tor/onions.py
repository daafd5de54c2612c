# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Onion services on a tor: made, published, withdrawn (control-spec, sections 3.27 and 3.28).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from onionp2p.errors import OnionRefused, TorDied, TorError, TorRefusedCommand
from onionp2p.keys import Identity
from onionp2p.outcome import Outcome
from onionp2p.tor.control import TorControl, parseKeywords

__all__ = ["Onion", "Publication"]

# Two descriptors go to several directories each; some of them may never answer.
_SECONDS_AFTER_FIRST_UPLOAD = 30.0
_SECONDS_TO_WITHDRAW = 2.0


class Publication:
    """
    Whether one onion's descriptor is where dialers look for it.

    Theory of operation.  Tor tells of each upload twice, C{UPLOAD} when it begins and C{UPLOADED}
    or C{FAILED} when a directory (HSDir) has answered, and it tells of everybody's onions.  Ours is
    published when all the uploads begun are answered and one succeeded, or 30 s after that one.
    """

    def __init__(self, clock: IReactorTime, label: str) -> None:
        self._clock = clock
        self._label = label
        self._pending: Counter[str] = Counter()
        self._published: Outcome[None] = Outcome()
        self._uploaded = False
        self._timer: IDelayedCall | None = None

    def whenPublished(self) -> Deferred[None]:
        """
        Give a Deferred that fires then, or fails with L{TorDied}.
        """
        return self._published.wait()

    def stop(self) -> None:
        """
        Wait for nothing more.
        """
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def torLost(self) -> None:
        """
        Give up: tor is gone.
        """
        self.stop()
        self._published.fail(TorDied())

    def event(self, text: str) -> None:
        """
        Take an C{HS_DESC} event (control-spec, section 4.1.25).
        """
        words = text.split()
        if len(words) < 4 or words[1] != self._label:
            return
        action, directory = words[0], words[3]
        if action == "UPLOAD":
            self._pending[directory] += 1
        elif action in {"UPLOADED", "FAILED"} and self._pending[directory]:
            self._pending[directory] -= 1
            if action == "UPLOADED" and not self._uploaded:
                self._uploaded = True
                self._timer = self._clock.callLater(_SECONDS_AFTER_FIRST_UPLOAD, self._finish)
            if self._uploaded and not self._pending.total():
                self._finish()

    def _finish(self) -> None:
        self.stop()
        self._published.succeed(None)


class Onion:
    """
    An onion service that a tor serves.

    @ivar publication: whether others can look it up.
    """

    def __init__(
        self, control: TorControl, label: str, publication: Publication, forget: Callable[[], None]
    ) -> None:
        self._control = control
        self._label = label
        self._forget = forget
        self.publication = publication

    @classmethod
    async def add(
        cls, clock: IReactorTime, control: TorControl, identity: Identity, port: int, target: str
    ) -> Onion:
        """
        Have tor serve an identity.  Returns before anybody can look it up.

        @param port: the virtual port.
        @param target: the path of a UNIX socket, absolute and plain: tor checks nothing.

        @raise OnionRefused: if tor refuses, or serves another address.
        @raise TorError: if tor is gone or silent.
        """
        publication = Publication(clock, identity.label)
        unobserve = control.observe("HS_DESC", publication.event)
        lost = control.whenLost()
        lost.addCallbacks(lambda _: publication.torLost(), lambda _: None)

        def forget() -> None:
            unobserve()
            lost.cancel()

        onion = cls(control, identity.label, publication, forget)
        try:
            served = await onion._add(identity, port, target)
        except TorRefusedCommand as refused:
            forget()
            reason = refused.detail
        except BaseException:
            # We may have been cancelled before tor's answer.
            await onion.withdraw()
            raise
        else:
            if served == identity.label:
                return onion
            await cls(control, served, publication, forget).withdraw()
            reason = "it serves another address than that of our key"
        raise OnionRefused(f"Tor says: {reason}.")

    async def _add(self, identity: Identity, port: int, target: str) -> str:
        answer = await self._control.command(
            f"ADD_ONION ED25519-V3:{identity.expanded()} Flags=DiscardPK Port={port},unix:{target}"
        )
        return parseKeywords(answer).get("ServiceID", "")

    async def withdraw(self) -> None:
        """
        End the service.  Connections that it has brought live on.  Never fails: where tor is
        gone, so is the service.
        """
        self._forget()
        self.publication.stop()
        with suppress(TorError):
            # A tor that is frozen will obey when it thaws; nobody waits for that.
            await self._control.command(f"DEL_ONION {self._label}", _SECONDS_TO_WITHDRAW)
