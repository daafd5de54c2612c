# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What a fake tor thinks of its network while nothing comes from there (control-spec, section 4.1.27).
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = ["Liveness"]

_SECONDS_TO_NOTICE = 60.0


class Liveness:
    """
    One tor's opinion.

    @ivar up: whether it thinks that the network is there.
    """

    def __init__(self, clock: IReactorTime, tell: Callable[[str, str], None]) -> None:
        """
        @param tell: given an event's name and its text, tells controllers.
        """
        self._clock = clock
        self._tell = tell
        self._noticing: IDelayedCall | None = None
        self.up = True

    def silence(self) -> None:
        """
        From now on nothing comes: it takes a minute to notice.
        """
        if self._noticing is None and self.up:
            self._noticing = self._clock.callLater(_SECONDS_TO_NOTICE, self._notice)

    def _notice(self) -> None:
        self._noticing = None
        self.up = False
        self._tell("NETWORK_LIVENESS", "DOWN")

    def sound(self) -> None:
        """
        Something has come.
        """
        self.stop()
        if not self.up:
            self.up = True
            self._tell("NETWORK_LIVENESS", "UP")

    def stop(self) -> None:
        """
        Notice nothing more.
        """
        if self._noticing is not None:
            self._noticing.cancel()
            self._noticing = None
