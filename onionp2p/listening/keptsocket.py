# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A place at which we listen for as long as we want to; and again, when its socket was lost.

A UNIX socket whose file is gone still listens, and nobody can come to it any more: so it goes when
somebody cleans C{/tmp}, or another program takes its place.  A TCP port is lost where the kernel is
told to end it (C{ss -K}).
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.internet.task import deferLater

from onionp2p.errors import TargetError
from onionp2p.listening.targets import inode, listenAt, makeWay
from onionp2p.local.places import Place
from onionp2p.waiting.backoff import Backoff

__all__ = ["KeptSocket"]

SECONDS_BETWEEN_LOOKS = 10.0
_FIRST_PAUSE, _PAUSE_FACTOR, _LONGEST_PAUSE = 1.0, 2.0, 60.0


class KeptSocket:
    """
    Listens at one place, by one socket after another if need be.

    @ivar place: where; if it was any free TCP port, the one that was chosen.
    """

    def __init__(
        self,
        reactor: Any,
        place: Place,
        factory: IProtocolFactory,
        mode: int,
        *,
        prepare: Callable[[Any], None] = lambda port: None,
    ) -> None:
        """
        @param place: where; port 0 is any free one.
        @param factory: takes the connections.
        @param mode: of the UNIX socket: who may connect to it.
        @param prepare: called with each port of Twisted's, before anybody comes to it.
        """
        self.place = place
        self._reactor = reactor
        self._factory = factory
        self._mode = mode
        self._prepare = prepare
        self._port: Any = None
        self._inode: int | None = None

    async def open(self) -> None:
        """
        Begin to listen.

        @raise TargetError: if that can't be.
        """
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
        return not self.place.path or inode(self.place.path) == self._inode

    async def untilLost(self) -> None:
        """
        Wait until it is not, by looking now and then.
        """
        while self.isHere:
            await deferLater(self._reactor, SECONDS_BETWEEN_LOOKS)

    async def reopen(
        self, failed: Callable[[TargetError], None], before: Callable[[], None] = lambda: None
    ) -> None:
        """
        Try to listen there anew, for as long as it takes.

        @param failed: called with why an attempt failed.
        @param before: called before each.
        """
        backoff = Backoff(_FIRST_PAUSE, _PAUSE_FACTOR, _LONGEST_PAUSE)
        while True:
            await self.close()
            before()
            try:
                await self._listen()
            except TargetError as error:
                failed(error)
            else:
                return
            await deferLater(self._reactor, backoff.next())

    async def _listen(self) -> None:
        await makeWay(self._reactor, self.place)
        self._port = listenAt(self._reactor, self.place, self._factory, self._mode)
        self._prepare(self._port)
        if self.place.path:
            self._inode = inode(self.place.path)
        else:
            self.place = replace(self.place, port=self._port.getHost().port)


def _listens(port: Any) -> bool:
    """
    Whether there is a socket that listens in a port of Twisted's.
    """
    try:
        return bool(port.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except (AttributeError, OSError):  # it is closed
        return False
