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

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IProtocolFactory

from onionp2p.errors import OnionError, TargetError, TargetInUse
from onionp2p.leaks.passage import passage
from onionp2p.listening.keptsocket import KeptSocket
from onionp2p.listening.targets import OURS, makeWay
from onionp2p.local.places import Place
from onionp2p.waiting.outcome import Outcome

__all__ = ["Doorway", "PlaceTaken"]


class PlaceTaken(OnionError, CannotListenError):
    __doc__ = """
    We can't listen at the local place: name another, or stop the program that has it.
    """


class Doorway:
    """
    A place that is open at times.  At others, who comes is refused; a TCP port stays ours all the
    same.

    @ivar isOpen: whether who comes is let in.
    """

    def __init__(self, reactor: Any, place: Place, factory: IProtocolFactory) -> None:
        """
        @param factory: takes who comes in.
        """
        self.isOpen = False
        self._reactor = reactor
        self._socket = KeptSocket(reactor, place, factory, OURS)
        self._held: socket.socket | None = None
        self._shutting: Outcome[None] = Outcome()
        self._shutting.succeed(None)

    @property
    def place(self) -> Place:
        """
        Where it is.
        """
        return self._socket.place

    @property
    def isGone(self) -> bool:
        """
        Whether it is open, and nobody finds it: see L{onionp2p.listening.keptsocket}.
        """
        return self.isOpen and not self._socket.isHere

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
        self._socket.place = replace(self.place, port=self._held.getsockname()[1])

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
        self._letGo()
        try:
            with self._toldAsTaken():
                await self._socket.open()
        except PlaceTaken:
            self._hold()
            raise
        self.isOpen = True

    def shut(self) -> Deferred[None]:
        """
        Refuse who comes.  Those who are in stay.

        @return: fires when that is so.
        """
        if self.isOpen:
            self.isOpen = False
            self._shutting = Outcome()
            stopping: Deferred[Any] = Deferred.fromCoroutine(self._socket.close())
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
