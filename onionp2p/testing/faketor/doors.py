# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Where a fake tor listens: for dials and for commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory

from onionp2p.local.places import Place
from onionp2p.testing.faketor.control import ControlFactory
from onionp2p.testing.faketor.dialing import SocksFactory
from onionp2p.testing.faketor.places import listenAt, nameOf, parsePlace
from onionp2p.testing.faketor.replies import Refused

if TYPE_CHECKING:
    from onionp2p.testing.faketor.tor import FakeTor

__all__ = ["Doors"]

_NOWHERE = {"", "0"}


class Doors:
    """
    A tor's listening sockets.
    """

    def __init__(self, tor: FakeTor) -> None:
        self._tor = tor
        self._factories: dict[str, Factory] = {
            "SocksPort": SocksFactory(tor),
            "ControlPort": ControlFactory(tor, owner=False),
        }
        # By the option that a socket is for, and the option's value.
        self._configured: dict[tuple[str, str], IListeningPort] = {}
        self._others: list[tuple[str, IListeningPort]] = []
        self._closing: list[Deferred[object]] = []

    def names(self, option: str) -> list[str]:
        """
        Give where it listens, as C{GETINFO net/listeners/…} tells it.

        @param option: C{"SocksPort"} or C{"ControlPort"}.
        """
        others = [port for its, port in self._others if its == option]
        return [
            nameOf(port)
            for port in [
                *others,
                *(port for (its, _), port in self._configured.items() if its == option),
            ]
        ]

    def openSocks(self, place: str) -> None:
        """
        Take dials, whatever the configuration says.

        @param place: a path, or a port of 127.0.0.1.
        """
        factory = self._factories["SocksPort"]
        port = listenAt(self._tor.reactor, parsePlace(place), factory)
        self._others.append(("SocksPort", port))

    def openControl(self, place: str, *, owner: bool) -> None:
        """
        Take commands, whatever the configuration says.

        @param place: a path, or a port of 127.0.0.1.
        @param owner: without any proof of who gives them.
        """
        factory = ControlFactory(self._tor, owner=owner)
        port = listenAt(self._tor.reactor, parsePlace(place), factory)
        self._others.append(("ControlPort", port))

    def follow(self) -> None:
        """
        Listen where the configuration says, and nowhere else.

        @raise Refused: if that can't be; then all is as it was.
        """
        wanted = self._wanted()
        opened: dict[tuple[str, str], IListeningPort] = {}
        try:
            for key in [key for key in wanted if key not in self._configured]:
                opened[key] = listenAt(self._tor.reactor, wanted[key], self._factories[key[0]])
        except CannotListenError:
            for port in opened.values():
                self._close(port)
            raise Refused(
                553, "Unable to set option: Failed to bind one of the listener ports."
            ) from None
        before = {**self._configured, **opened}
        self._configured = {key: before.pop(key) for key in wanted}
        for port in before.values():
            self._close(port)

    def _wanted(self) -> dict[tuple[str, str], Place]:
        wanted: dict[tuple[str, str], Place] = {}
        for option in self._factories:
            for value in self._tor.configuration.all(option):
                try:
                    if value not in _NOWHERE:
                        wanted[option, value] = parsePlace(value)
                except ValueError:
                    raise Refused(
                        513, f"Unacceptable option value: Invalid {option} configuration"
                    ) from None
        return wanted

    def _close(self, port: IListeningPort) -> None:
        self._closing.append(maybeDeferred(port.stopListening))

    def close(self) -> Deferred[None]:
        """
        Take nobody any more.

        @return: fires when the sockets are gone.
        """
        for port in [*self._configured.values(), *(port for _, port in self._others)]:
            self._close(port)
        self._configured.clear()
        self._others.clear()
        closing, self._closing = self._closing, []
        return gatherResults(closing).addCallback(lambda _: None)
