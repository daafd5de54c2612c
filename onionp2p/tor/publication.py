# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Whether an onion's descriptor is where dialers look for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from onionp2p.waiting.backoff import Backoff
from onionp2p.waiting.outcome import Outcome
from onionp2p.waiting.timer import Timer

__all__ = ["Publication"]

# Two descriptors go to several directories each; some of them may never answer.
_SECONDS_AFTER_FIRST_UPLOAD = 30.0
_FIRST_PAUSE, _PAUSE_FACTOR, _LONGEST_PAUSE = 5.0, 2.0, 120.0


class Publication:
    """
    Follows the uploads of one onion's descriptor.

    Theory of operation.  Tor tells of each upload twice, C{UPLOAD} when it begins and C{UPLOADED}
    or C{FAILED} when a directory (HSDir) has answered.  The onion is published when all the uploads
    begun are answered and one succeeded, or 30 s after that one.  Each change that makes a new
    descriptor begins this anew; who waits then waits on.

    Where all have failed, tor itself tries again in an hour or two (its C{hs_service.h}).  So we
    ask for another attempt, sooner.

    @ivar found: whether others could look it up since tor began to serve it.
    """

    def __init__(self, clock: IReactorTime, again: Callable[[], None]) -> None:
        """
        @param again: called when it is time for another attempt.
        """
        self._again = again
        self._pauses = Backoff(_FIRST_PAUSE, _PAUSE_FACTOR, _LONGEST_PAUSE)
        self._pending: Counter[str] = Counter()
        self._begun = False
        self._published: Outcome[None] = Outcome()
        self._uploaded = False
        self._timer = Timer(clock)
        self.found = False

    def __str__(self) -> str:
        if not self._begun:
            return "tor has begun no upload of its descriptor"
        if self._uploaded:
            return "a directory has its descriptor"
        if self._pending.total():
            return "tor uploads its descriptor, and no directory has answered"
        return "no directory has taken its descriptor"

    def whenPublished(self) -> Deferred[None]:
        """
        Give a Deferred that fires then, or fails with what L{giveUp} is told.
        """
        return self._published.wait()

    def begin(self, *, isNew: bool) -> None:
        """
        A new descriptor is being made: what was uploaded before counts no more.

        @param isNew: whether it is the first of this tor.
        """
        self.stop()
        self.found = self.found and not isNew
        self._pending.clear()
        self._begun = self._uploaded = False
        if self._published.known:
            self._published = Outcome()

    def tryLater(self) -> None:
        """
        Nothing comes of this attempt: after a pause, ask for another.
        """
        self._timer.start(self._pauses.next(), self._again)

    def stop(self) -> None:
        """
        Wait for nothing more.
        """
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
            self._begun = True
            if not self._uploaded:  # tor has made the next attempt itself
                self.stop()
        elif action in {"UPLOADED", "FAILED"} and self._pending[directory]:
            self._pending[directory] -= 1
            if action == "UPLOADED" and not self._uploaded:
                self._uploaded = True
                self._timer.start(_SECONDS_AFTER_FIRST_UPLOAD, self._finish)
            if not self._pending.total():
                self._finish() if self._uploaded else self.tryLater()

    def _finish(self) -> None:
        self.stop()
        self.found = True
        self._pauses.reset()
        self._published.succeed(None)
