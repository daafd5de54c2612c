# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A place that is open at times.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.logger import Logger

from onionp2p.errors import OnionError, TargetError, TargetInUse
from onionp2p.leaks.passage import passage
from onionp2p.listening.targets import OURS, inode, listenAt, makeWay
from onionp2p.local.places import Place
from onionp2p.waiting.outcome import Outcome

__all__ = ["Doorway", "PlaceTaken"]


class PlaceTaken(OnionError, CannotListenError):
    """
    We can't listen at the local place: name another, or stop the program that has it.
    """


class Doorway:
    """
    A place that is open at times.  At others, who comes is refused; a TCP port stays ours all the
    same.

    @ivar place: where it is.
    """

    _log = Logger()

    def __init__(self, reactor: Any, place: Place, factory: IProtocolFactory) -> None:
        """
        @param factory: takes who comes in.
        """
        self.place = place
        self._reactor = reactor
        self._factory = factory
        self._port: IListeningPort | None = None
        self._inode: int | None = None
        self._held: socket.socket | None = None
        self._shutting: Outcome[None] = Outcome()
        self._shutting.succeed(None)

    @property
    def isOpen(self) -> bool:
        """
        Whether who comes is let in.
        """
        return self._port is not None

    @property
    def isGone(self) -> bool:
        """
        Whether it is open, and nobody finds it: somebody has removed the socket, or its folder.
        """
        return self.isOpen and bool(self.place.path) and inode(self.place.path) != self._inode

    async def hold(self) -> None:
        """
        See that the place is ours.

        @raise PlaceTaken: if it is not.
        """
        if self.place.path:
            with self._toldAsTaken():
                await makeWay(self._reactor, self.place)
            return
        try:
            self._held = _bind(self.place)
        except OSError as problem:
            raise PlaceTaken(f"{self.place}: {problem.strerror}.") from None
        self.place = replace(self.place, port=self._held.getsockname()[1])

    @contextmanager
    def _toldAsTaken(self) -> Iterator[None]:
        try:
            yield
        except TargetInUse:
            raise PlaceTaken(f"Somebody listens at {self.place}.") from None
        except TargetError as problem:
            raise PlaceTaken(problem.detail) from None

    async def open(self) -> None:
        """
        Let in who comes.

        @raise PlaceTaken: if we can't listen there any more.
        """
        await self._shutting.wait()
        with self._toldAsTaken():
            await makeWay(self._reactor, self.place)
            self._letGo()
            try:
                self._port = listenAt(self._reactor, self.place, self._factory, OURS)
            except TargetError:
                self._hold()
                raise
        self._inode = inode(self.place.path)

    def shut(self) -> Deferred[None]:
        """
        Refuse who comes.  Those who are in stay.

        @return: fires when that is so.
        """
        port, self._port = self._port, None
        if port is not None:
            self._shutting = Outcome()
            stopping: Deferred[Any] = maybeDeferred(port.stopListening)
            stopping.addBoth(lambda _: self._hold()).addCallback(self._shutting.succeed)
        return self._shutting.wait()

    async def close(self) -> None:
        """
        Give the place up.
        """
        await self.shut()
        self._letGo()

    def _hold(self) -> None:
        """
        Keep a TCP port from being given to another program.
        """
        if not self.place.path and self._held is None:
            with suppress(OSError):  # somebody was quicker: open() will tell
                self._held = _bind(self.place)

    def _letGo(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            held.close()


def _bind(place: Place) -> socket.socket:
    """
    Make a socket that has a TCP port and does not listen: who comes is refused.
    """
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    with passage():
        bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        # As Twisted's ports have it: connections that came in by this port may be there still.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((place.host, place.port))
        # Others may not: with it, whoever asks for it too could listen there.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    except OSError:
        bound.close()
        raise
    return bound
