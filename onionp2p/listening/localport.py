# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Our socket where a tor delivers an onion's connections; and again, when it was lost.

A UNIX socket whose file is gone still listens, and nobody can come to it any more: so it goes when
somebody cleans C{/tmp}, or another program takes its place.  A TCP port is lost where the kernel is
told to end it (C{ss -K}).
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import deferLater

from onionp2p.errors import TargetError
from onionp2p.events import Cause, Repairing, Unreachable
from onionp2p.listening.arrivals import Arrivals
from onionp2p.listening.lifetime import Lifetime
from onionp2p.listening.targets import inode, listenAt, makeWay
from onionp2p.local.folders import expandHome
from onionp2p.local.sockets import LocalSocket
from onionp2p.waiting.backoff import Backoff

__all__ = ["LocalPort"]

SECONDS_BETWEEN_LOOKS = 10.0
_FIRST_PAUSE, _PAUSE_FACTOR, _LONGEST_PAUSE = 1.0, 2.0, 60.0


class LocalPort:
    """
    Listens at one place, by one socket after another if need be.

    @ivar target: the place; where it was any free TCP port, the one that was chosen.
    """

    def __init__(
        self,
        reactor: Any,
        target: LocalSocket,
        arrivals: Arrivals,
        mode: int,
        lifetime: Lifetime,
        *,
        restoreFolder: Callable[[], None] = lambda: None,
    ) -> None:
        """
        @param target: a TCP port of 127.0.0.1, 0 for any free one; or the path of a UNIX socket.
        @param arrivals: takes the connections.
        @param mode: of the UNIX socket: who may connect to it.
        @param lifetime: of the listener.
        @param restoreFolder: makes the folder of the place anew, if that was lost and is ours; may
            raise an C{OSError}.
        """
        self.target = expandHome(target) if isinstance(target, str) else target
        self._reactor = reactor
        self._arrivals = arrivals
        self._mode = mode
        self._lifetime = lifetime
        self._restoreFolder = restoreFolder
        self._port: Any = None
        self._inode: int | None = None

    async def open(self) -> None:
        """
        Begin to listen.

        @raise TargetError: if that can't be.
        """
        factory = self._arrivals.factory
        factory.doStart()
        self._lifetime.whenEnded().addCallback(lambda _: factory.doStop())
        await self._listen()

    async def close(self) -> None:
        """
        Listen no more.  Accepted connections live on.
        """
        if self._port is not None:
            port: IListeningPort = self._port
            await maybeDeferred(port.stopListening)
            self._port = None

    @property
    def isHere(self) -> bool:
        """
        Whether who comes to the place comes to us.
        """
        if not _listens(self._port):
            return False
        return isinstance(self.target, int) or inode(self.target) == self._inode

    async def untilLost(self) -> None:
        """
        Wait until it is not, by looking now and then.
        """
        while self.isHere:
            await deferLater(self._reactor, SECONDS_BETWEEN_LOOKS)

    async def restore(self) -> None:
        """
        See that we are at the place: if we are not, tell so, and try to listen there anew for as
        long as it takes.
        """
        if self.isHere:
            return
        address = self._lifetime.address
        self._lifetime.tell(Unreachable(address, Cause.TARGET_DEAD))
        self._lifetime.tell(Repairing(address, "listening anew at our local socket"))
        backoff = Backoff(_FIRST_PAUSE, _PAUSE_FACTOR, _LONGEST_PAUSE)
        while True:
            await self.close()
            try:
                with suppress(OSError):  # to listen there fails for the same reason
                    self._restoreFolder()
                await self._listen()
            except TargetError as error:
                self._lifetime.tell(Unreachable(address, Cause.TARGET_DEAD, str(error)))
            else:
                return
            await deferLater(self._reactor, backoff.next())

    async def _listen(self) -> None:
        await makeWay(self._reactor, self.target)
        self._port = listenAt(self._reactor, self.target, self._arrivals, self._mode)
        self._arrivals.prepare(self._port)
        if isinstance(self.target, int):
            self.target = self._port.getHost().port
        else:
            self._inode = inode(self.target)


def _listens(port: Any) -> bool:
    """
    Whether there is a socket that listens in a port of Twisted's.
    """
    try:
        return bool(port.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except (AttributeError, OSError):  # it is closed
        return False
