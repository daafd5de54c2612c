# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How often a tor may be restarted to repair something.

A tor draws its second layer of guards when it starts (vanguards-lite writes none to disk), for two
weeks.  Who could have it restarted at will, by keeping us from our own onion, would soon be among
them ("Guard discovery", on the page of security).
"""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

__all__ = ["RareRestarts"]

_SECONDS_BETWEEN = 86400.0


class RareRestarts:
    """
    Lets a tor be restarted once a day.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._last: float | None = None

    @property
    def due(self) -> bool:
        """
        Whether the last one was a day ago.
        """
        # A clock that was set back says nothing of how long ago it was.
        last = self._last
        return last is None or abs(self._clock.seconds() - last) >= _SECONDS_BETWEEN

    def note(self) -> None:
        """
        It is restarted now.
        """
        self._last = self._clock.seconds()
