# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Whether an onion's descriptor is where dialers look for it.
"""

from __future__ import annotations

from collections import Counter

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from onionp2p.outcome import Outcome

__all__ = ["Publication"]

# Two descriptors go to several directories each; some of them may never answer.
_SECONDS_AFTER_FIRST_UPLOAD = 30.0


class Publication:
    """
    Follows the uploads of one onion's descriptor.

    Theory of operation.  Tor tells of each upload twice, C{UPLOAD} when it begins and C{UPLOADED}
    or C{FAILED} when a directory (HSDir) has answered.  The onion is published when all the uploads
    begun are answered and one succeeded, or 30 s after that one.  Each change that makes a new
    descriptor begins this anew; who waits then waits on.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._pending: Counter[str] = Counter()
        self._published: Outcome[None] = Outcome()
        self._uploaded = False
        self._timer: IDelayedCall | None = None

    def whenPublished(self) -> Deferred[None]:
        """
        Give a Deferred that fires then, or fails with what L{giveUp} is told.
        """
        return self._published.wait()

    def begin(self) -> None:
        """
        A new descriptor is being made: what was uploaded before counts no more.
        """
        self.stop()
        self._pending.clear()
        self._uploaded = False
        if self._published.known:
            self._published = Outcome()

    def stop(self) -> None:
        """
        Wait for nothing more.
        """
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def giveUp(self, error: Exception) -> None:
        """
        Nothing will come of it.
        """
        self.stop()
        self._published.fail(error)

    def event(self, action: str, directory: str) -> None:
        """
        Take an C{HS_DESC} event of this onion (control-spec, section 4.1.25).
        """
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
