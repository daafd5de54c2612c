# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Where a fake tor listens: for dials and for commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.interfaces import IListeningPort

from onionp2p.testing.faketor.control import ControlFactory
from onionp2p.testing.faketor.dialing import SocksFactory

if TYPE_CHECKING:
    from onionp2p.testing.faketor.tor import FakeTor

__all__ = ["Doors"]

_UNIX = "unix:"


class Doors:
    """
    A tor's UNIX sockets.
    """

    def __init__(self, tor: FakeTor) -> None:
        self._tor = tor
        self._socks: dict[str, IListeningPort] = {}
        self._control: dict[str, IListeningPort] = {}

    @property
    def socksPaths(self) -> list[str]:
        """
        Where it takes dials.
        """
        return list(self._socks)

    @property
    def controlPaths(self) -> list[str]:
        """
        Where it takes commands.
        """
        return list(self._control)

    def openSocks(self, path: str) -> None:
        """
        Take dials at C{path}.
        """
        factory = SocksFactory(self._tor)
        self._socks[path] = self._tor.reactor.listenUNIX(path, factory, mode=0o600)

    def openControl(self, path: str, *, owner: bool) -> None:
        """
        Take commands at C{path}.

        @param owner: without any proof of who gives them.
        """
        factory = ControlFactory(self._tor, owner=owner)
        self._control[path] = self._tor.reactor.listenUNIX(path, factory, mode=0o600)

    def follow(self, before: list[str], after: list[str]) -> None:
        """
        Take commands where C{ControlPort} says.

        @param before: its old values.
        @param after: its new values.
        """
        for path in _paths(before):
            if path not in _paths(after):
                maybeDeferred(self._control.pop(path).stopListening)
        for path in _paths(after):
            if path not in self._control:
                self.openControl(path, owner=False)

    def close(self) -> Deferred[None]:
        """
        Take nobody any more.

        @return: fires when the sockets are gone.
        """
        ports = [*self._socks.values(), *self._control.values()]
        closing = gatherResults([maybeDeferred(port.stopListening) for port in ports])
        return closing.addCallback(lambda _: None)


def _paths(values: list[str]) -> list[str]:
    return [value.split()[0].removeprefix(_UNIX) for value in values if value.startswith(_UNIX)]
