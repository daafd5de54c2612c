# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What is told of one listener, from its beginning to its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from onionp2p.events import Event, EventObserver, Starting, Stopped, publish
from onionp2p.waiting.outcome import Outcome

if TYPE_CHECKING:
    from onionp2p.address import OnionAddress

__all__ = ["Lifetime"]


class Lifetime:
    """
    Tells that a listener is L{Starting}; what happens to it; and last, and once, that it has
    L{Stopped}, however it ends: stopped, cancelled, failed, or with the reactor.

    Of one that does not even begin, nothing is told but what C{listen()} fails with: another
    listener may have its address.

    @ivar address: the listener's.
    """

    _log = Logger()

    def __init__(
        self, reactor: Any, address: OnionAddress, observer: EventObserver | None = None
    ) -> None:
        """
        @param observer: told what happens, as the log is.
        """
        self.address = address
        self._reactor = reactor
        self._observer = observer
        self._ended: Outcome[None] = Outcome()
        self._begun = False
        self._trigger = reactor.addSystemEventTrigger("before", "shutdown", self._shutdown)

    def begin(self) -> None:
        """
        The address is its own.
        """
        self._begun = True
        self.tell(Starting(self.address))

    def tell(self, event: Event) -> None:
        """
        Something has happened; once it has ended, nothing does.
        """
        if self._begun and not self._ended.known:
            publish(self._log, event, self._observer)

    def whenEnded(self) -> Deferred[None]:
        """
        Give a Deferred that fires just before the end is told.
        """
        return self._ended.wait()

    def end(self) -> None:
        """
        It ends.  Harmless when done twice.
        """
        if self._ended.known:
            return
        if self._trigger is not None:
            self._reactor.removeSystemEventTrigger(self._trigger)
        self._ended.succeed(None)
        if self._begun:
            publish(self._log, Stopped(self.address), self._observer)

    def _shutdown(self) -> None:
        self._trigger = None  # it has fired
        self.end()
