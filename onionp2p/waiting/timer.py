# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A delayed call that is set, put off and taken back many times.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = ["Timer"]


class Timer:
    """
    At most one delayed call at a time.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._call: IDelayedCall | None = None

    def start(self, seconds: float, action: Callable[[], object]) -> None:
        """
        Call C{action} in so many seconds, and nothing that was to be called before.
        """
        self.cancel()
        self._call = self._clock.callLater(seconds, action)

    def putOff(self, seconds: float) -> None:
        """
        Have the call that is to come, if there is one, so many seconds from now.
        """
        if self._call is not None and self._call.active():
            self._call.reset(seconds)

    def cancel(self) -> None:
        """
        Call nothing.
        """
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None
