# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How long to pause before the next attempt: longer each time, and never when others do.
"""

from __future__ import annotations

import random

__all__ = ["Backoff", "jittered"]

_JITTER = 0.2


def jittered(seconds: float) -> float:
    """
    Give a time near C{seconds}, by a fifth more or less: many who wait shall not come together, and
    nobody shall tell from the moment who it is.
    """
    return seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret


class Backoff:
    """
    The pauses between attempts that fail.
    """

    def __init__(self, first: float, factor: float, most: float) -> None:
        """
        @param first: the first pause, in seconds.
        @param factor: how much longer each is than the one before.
        @param most: the longest, in seconds; each is L{jittered} beyond that.
        """
        self._first = first
        self._factor = factor
        self._most = most
        self._following = min(first, most)

    def next(self) -> float:
        """
        Give the next pause, in seconds.
        """
        pause = self._following
        self._following = min(pause * self._factor, self._most)
        return jittered(pause)

    def reset(self) -> None:
        """
        An attempt has succeeded: begin anew.
        """
        self._following = min(self._first, self._most)
