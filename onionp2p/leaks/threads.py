# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Who had something done in a thread of a pool: Twisted's, where reactors look up names, or Python's,
where asyncio does.

The stack of such a thread begins at the pool.  So while that is traced, what is handed to a pool
takes with it the place where it was handed over.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from inspect import currentframe
from typing import Any

from twisted.python.threadpool import ThreadPool

from onionp2p.leaks.callsites import CallSite

__all__ = ["traceThreads", "whoAsked"]

# The methods that all work comes by, and which argument is the function to be called.
_WAYS = ((ThreadPool, "callInThreadWithCallback", 2), (ThreadPoolExecutor, "submit", 1))

_lock = threading.Lock()
_thread = threading.local()
_originals: dict[Any, Any] = {}


def traceThreads(wanted: bool) -> None:
    """
    Trace from now on, or no longer.
    """
    with _lock:
        for pool, name, position in _WAYS:
            method = getattr(pool, name)
            if wanted and method not in _originals:
                traced = _traced(method, position)
                _originals[traced] = method
                setattr(pool, name, traced)
            elif not wanted and method in _originals:
                setattr(pool, name, _originals.pop(method))


def whoAsked() -> CallSite | None:
    """
    Give the place where this thread was asked to do what it does, if that was traced.
    """
    return getattr(_thread, "asker", None)


def _traced(method: Callable[..., Any], position: int) -> Callable[..., Any]:
    @wraps(method)
    def handOver(*arguments: Any, **named: Any) -> Any:
        frame = currentframe()
        work = _carrying(CallSite.of(frame and frame.f_back), arguments[position])
        changed = (*arguments[:position], work, *arguments[position + 1 :])
        return method(*changed, **named)

    return handOver


def _carrying(asker: CallSite, work: Callable[..., Any]) -> Callable[..., Any]:
    def carry(*arguments: Any, **named: Any) -> Any:
        _thread.asker = asker
        try:
            return work(*arguments, **named)
        finally:
            _thread.asker = None

    return carry
