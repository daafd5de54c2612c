# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The guard: see L{onionp2p.leaks} for its theory of operation.
"""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from types import FrameType, TracebackType
from typing import Any, Self
from weakref import WeakKeyDictionary

from twisted.logger import Logger

from onionp2p.leaks.attempts import Attempt
from onionp2p.leaks.callsites import CallSite
from onionp2p.leaks.hook import hook
from onionp2p.leaks.passage import mayPass, passes
from onionp2p.leaks.threads import traceThreads, whoAsked

__all__ = ["Allow", "LeakError", "LeakGuard", "loopback"]

Allow = Callable[[str, int | None], bool]
"""Whether a host, as the program named it, and a port may be reached, bound or looked up."""

_REMEMBERED = 100


class LeakError(socket.gaierror):
    """
    Something went past Tor.  Use an endpoint of onionp2p, or have the guard allow it.

    @ivar stack: where, as text, innermost line last.
    """

    stack = ""

    def __str__(self) -> str:
        return str(self.strerror)


def loopback(host: str, port: int | None) -> bool:
    """
    Allow the addresses of this machine's own network, C{127.0.0.1} or C{::1}; no names.
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _nothing(host: str, port: int | None) -> bool:
    return False


class LeakGuard:
    """
    Watches over this process while it is active.

    It is no decorator: around a coroutine function, it would guard nothing.

    @ivar leaks: the first hundred that it has stopped; who expects one looks at it and clears it.
    """

    _log = Logger()

    def __init__(self, *, allow: Allow = _nothing, sockets: bool = True) -> None:
        """
        @param allow: what is no leak; L{loopback}, for example.
        @param sockets: whether Internet sockets may be made at all, as long as they reach nobody.
        """
        self._allow = allow
        self._sockets = sockets
        self.leaks: list[LeakError] = []

    def start(self) -> None:
        """
        Be active from now on; if it is already, be the innermost.

        @raise RuntimeError: if another audit hook keeps ours out.
        """
        hook.listen(self._judge)
        traceThreads(True)

    def stop(self) -> None:
        """
        Be active no longer.
        """
        hook.forget(self._judge)
        traceThreads(bool(hook.listeners))

    def check(self) -> None:
        """
        Raise what has leaked.

        @raise LeakError: it names the line of each.
        """
        if self.leaks:
            error = _leakError("\n".join(map(str, self.leaks)), self.leaks[0].stack)
            error.add_note(f"The stack of the first:\n{error.stack}")
            raise error

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        # A leak that is on its way out has said it all, and Ctrl-C is to be heard.
        if error is None or (isinstance(error, Exception) and not isinstance(error, LeakError)):
            self.check()

    def _judge(self, attempt: Attempt, caller: FrameType | None) -> None:
        """
        @raise LeakError: if it is a leak.
        """
        if attempt.call == "socket" and (mayPass(attempt.socket, caller) or self._sockets):
            site = CallSite.of(caller)
            with suppress(TypeError):  # it can't be referred to weakly
                _makers[attempt.socket] = site
            return
        if attempt.call == "bind" and loopback(attempt.host, attempt.port):
            return
        if attempt.call == "connect" and passes(attempt.socket) and loopback(attempt.host, None):
            return
        if getattr(_thread, "judging", False):
            # The predicate, or who observes the log, reaches out in turn.
            raise _leakError(f"{attempt} goes past Tor, while a leak is reported", "")
        _thread.judging = True
        try:
            if attempt.call == "socket" or not self._allow(attempt.host, attempt.port):
                self._report(attempt, CallSite.of(caller))
        finally:
            _thread.judging = False

    def _report(self, attempt: Attempt, site: CallSite) -> None:
        line, stack = site.line, str(site)
        if not line:
            # Nobody's, but a reactor's or a thread's: so whoever had it done.
            asker = whoAsked() or _maker(attempt.socket)
            line = (asker and asker.line) or site.caller
            stack += f"\nIt was asked for by\n{asker}" if asker else ""
        text = f"{attempt} goes past Tor, at {line}"
        if len(self.leaks) < _REMEMBERED:
            self.leaks.append(_leakError(text, stack))
        self._log.critical("{leak}\n{stack}", leak=text, stack=stack)
        # Not the one that is kept: its traceback would keep alive what those frames hold.
        raise _leakError(text, stack)


def _maker(made: Any) -> CallSite | None:
    with suppress(TypeError):
        return _makers.get(made)
    return None


def _leakError(text: str, stack: str) -> LeakError:
    error = LeakError(errno.EACCES, text)
    error.stack = stack
    return error


_thread = threading.local()
_makers: WeakKeyDictionary[Any, CallSite] = WeakKeyDictionary()
