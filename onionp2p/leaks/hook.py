# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The audit hook of this process: tells the innermost listener what is about to be done.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from inspect import currentframe
from types import FrameType
from typing import Any

from onionp2p.leaks.attempts import READERS, Attempt

__all__ = ["Listener", "hook"]

Listener = Callable[[Attempt, FrameType | None], object]
"""Is told of an attempt and the frame that makes it; raises, and it is not made."""

_CHECK = "onionp2p.leaks"


class _Hook:
    """
    @ivar listeners: the outermost first.
    """

    def __init__(self) -> None:
        self.listeners: tuple[Listener, ...] = ()
        self._lock = threading.Lock()
        self._installed = False

    def listen(self, listener: Listener) -> None:
        """
        Make a listener the innermost.

        @raise RuntimeError: if another audit hook keeps ours out.
        """
        with self._lock:
            self._install()
            self.listeners = (*self._without(listener), listener)

    def forget(self, listener: Listener) -> None:
        """
        Tell a listener nothing more.
        """
        with self._lock:
            self.listeners = self._without(listener)

    def _without(self, listener: Listener) -> tuple[Listener, ...]:
        return tuple(each for each in self.listeners if each != listener)

    def _install(self) -> None:
        if self._installed:
            return
        sys.addaudithook(_hear)
        # Another hook may have refused it, and Python does not say so.
        heard: list[bool] = []
        sys.audit(_CHECK, heard)
        if not heard:
            raise RuntimeError("another audit hook of this process keeps the guard's out")
        self._installed = True


hook = _Hook()
"""The one there is: a hook can't be removed."""


# Called for all that Python does, for ever.  A function, for a method takes Python 0.5 µs more.
def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    listeners = hook.listeners
    if listeners and event in READERS:
        attempt = READERS[event](*arguments)
        if attempt is not None:
            frame = currentframe()
            listeners[-1](attempt, frame and frame.f_back)
    elif event == _CHECK:
        arguments[0].append(True)
