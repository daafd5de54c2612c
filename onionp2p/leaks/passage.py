# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The one way on which an Internet socket is no leak: from us to a tor on this machine, and back.

Tors that run already often have TCP ports of 127.0.0.1 alone.  A port's number would let whatever
knows it pass; so what passes is a socket that was made by those lines of ours that go to tor, and
it reaches this machine alone.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any
from weakref import WeakSet

__all__ = ["mayPass", "passage", "passes"]

_thread = threading.local()
_passing: WeakSet[Any] = WeakSet()
_ACCEPT = socket.socket.accept.__code__


@contextmanager
def passage() -> Iterator[None]:
    """
    Let the sockets that are made meanwhile, in this thread, reach addresses of this machine, under
    any guard.
    """
    before = getattr(_thread, "open", False)
    _thread.open = True
    try:
        yield
    finally:
        _thread.open = before


def mayPass(made: Any, caller: FrameType | None) -> bool:
    """
    Whether a socket may be made: within a L{passage}, or to accept who came to one that is bound.

    @param caller: the frame that makes it.
    """
    if getattr(_thread, "open", False):
        with suppress(TypeError):  # it can't be referred to weakly
            _passing.add(made)
        return True
    accepting = caller and caller.f_back
    return accepting is not None and accepting.f_code is _ACCEPT


def passes(made: Any) -> bool:
    """
    Whether a socket was made within a L{passage}.
    """
    try:
        return made in _passing
    except TypeError:
        return False
