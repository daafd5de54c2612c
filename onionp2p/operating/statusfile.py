# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The status file: how this process stands, for C{onionp2p status} and other monitors.

It is of mode 0600, for it tells who serves which onion.  A reader sees the old one or the new one,
never a part; it need not survive a crash of the machine, so nothing waits for the disk.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from onionp2p.events import Event, observe
from onionp2p.local.folders import expandHome
from onionp2p.operating.overview import Overview
from onionp2p.operating.status import Status, formatStatus

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["HEARTBEAT", "StatusFile"]

HEARTBEAT = 60
"""Seconds from one writing to the next, when nothing changes."""

_SPACING = 1.0
_SECONDS_TO_RETRY = 5.0


class StatusFile(Service):
    """
    Keeps a status file while it runs, and marks it C{stopped} when it stops.

    What can't be written is logged, once, and tried again: a full disk ends nobody's onion.
    """

    _log = Logger()

    def __init__(self, reactor: Any, path: str, *, listeners: int = 0) -> None:
        """
        @param reactor: must provide C{IReactorTime}.
        @param path: a relative one is resolved now.
        @param listeners: how many onions the program is to serve; until then it is C{starting}.
        """
        self._reactor = reactor
        self._path = os.path.abspath(expandHome(path))
        self._expected = listeners
        self._overview = Overview(reactor.seconds)
        self._forget: Callable[[], None] | None = None
        self._next: IDelayedCall | None = None
        self._tried = self._started = 0.0
        self._failing = False

    def startService(self) -> None:
        Service.startService(self)
        self._overview = Overview(self._reactor.seconds)
        self._started = self._reactor.seconds()
        self._forget = observe(self._observe)
        self._beat()

    def stopService(self) -> None:
        """
        Write the last one.
        """
        Service.stopService(self)
        if self._forget is not None:
            self._forget()
            self._forget = None
        if self._next is not None:
            self._next.cancel()
            self._next = None
        self._overview.stopAll()
        self._write()

    def _observe(self, event: Event) -> None:
        if not self._overview.apply(event) or self._next is None:
            return
        # At most _SPACING from now, also where the clock was set back since.
        now = self._reactor.seconds()
        pause = min(max(self._tried + _SPACING - now, 0.0), _SPACING)
        if self._next.getTime() > now + pause:
            self._next.reset(pause)

    def _beat(self) -> None:
        self._write()
        pause = _SECONDS_TO_RETRY if self._failing else HEARTBEAT
        self._next = self._reactor.callLater(pause, self._beat)

    def _write(self) -> None:
        self._tried = self._reactor.seconds()
        try:
            _replace(self._path, formatStatus(self._status()))
        except OSError as problem:
            if not self._failing:
                self._log.error(
                    "the status can't be written to {path}: {problem}.  It is tried again.",
                    path=self._path,
                    problem=problem.strerror,
                )
            self._failing = True
        else:
            if self._failing:
                self._log.info("the status is written to {path} again", path=self._path)
            self._failing = False

    def _status(self) -> Status:
        return Status(
            running=bool(self.running),
            pid=os.getpid(),
            started=self._started,
            updated=self._tried,
            heartbeat=HEARTBEAT,
            expected=self._expected,
            tor=self._overview.tor,
            listeners=self._overview.listeners,
            dials=self._overview.dials,
        )


def _replace(path: str, content: bytes) -> None:
    """
    Put C{content} in the place of what a file holds.

    @raise OSError: if it can't be done; the file was left as it is, and no other is left.
    """
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(os.lstat(path).st_mode):  # but /dev/null, say, which root can replace
            raise OSError(errno.EINVAL, "it is not a regular file")
    draft = f"{path}.new"
    with suppress(FileNotFoundError):
        os.unlink(draft)  # of a process that was killed while it wrote
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        try:
            if os.write(descriptor, content) != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(descriptor)
        os.rename(draft, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(draft)
        raise
