# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
An onion that leads to a program which listens by itself, and knows nothing of Tor.

Tor delivers straight to that program: there is no socket of ours between them, and no byte passes
through Python.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Protocol
from twisted.logger import Logger

from onionp2p.events import EventObserver
from onionp2p.listening.delivery import Delivery
from onionp2p.listening.lifetime import Lifetime
from onionp2p.listening.listen import Listen, OnionPort
from onionp2p.local.places import Place
from onionp2p.options import ListenOptions
from onionp2p.tor.pool import TorLease

__all__ = ["checkOptions", "parseTarget", "publish"]

_SECONDS_TO_ANSWER = 2.0
_OF_OUR_LISTENER = (
    "attach",
    "target",
    "maxConnections",
    "circuits",
    "frontend",
    "protocol",
    "identity",
)


def parseTarget(text: str) -> Place:
    """
    Read where a program listens: C{unix:/path}, C{tcp:127.0.0.1:PORT} or C{tcp:[::1]:PORT}.

    @raise ValueError: says what was expected.
    """
    place = Place.fromString(text)
    _ = place.ofTor  # which says why, if tor could not be told of it
    if not place.path and not place.port:
        raise ValueError("the port is missing at which the program listens, 1 to 65535")
    return place


def checkOptions(options: ListenOptions) -> None:
    """
    Refuse what is said of a listener of ours, where there is none.

    @raise ValueError: names it.
    """
    plain = ListenOptions(options.port)
    for name in _OF_OUR_LISTENER:
        if getattr(options, name) != getattr(plain, name):
            raise ValueError(f"{name} has no use where tor delivers straight to a program")


def publish(
    reactor: Any,
    target: Place | str,
    options: ListenOptions,
    observer: EventObserver | None = None,
) -> Deferred[OnionPort]:
    """
    Make an onion that leads to a program on this machine.  The onion outlives tors as a listener's
    does; the program may start later, and come and go.

    @param target: where the program listens, as L{parseTarget} reads it.
    @param options: the onion.  What is said of our own listener has no use here: see
        L{checkOptions}.
    @param observer: told of what happens, as that of an L{onionp2p.OnionServerEndpoint} is.

    @return: fires with the port, whose C{getHost()} is the onion's address, when C{options.wait}
        says; fails as C{listen()} does.  Connections live on when the port is stopped, for as long
        as there is a tor.

    @raise ValueError: says what is wrong with C{target} or C{options}.
    """
    place = parseTarget(target) if isinstance(target, str) else target
    checkOptions(options)
    listening = Listen(reactor, options, _Program(reactor, place), observer).start()
    return cast("Deferred[OnionPort]", listening)


class _Program:
    """
    A program on this machine, as what tor delivers to.
    """

    _log = Logger()

    def __init__(self, reactor: Any, place: Place) -> None:
        self._reactor = reactor
        self._place = place

    async def open(self, lease: TorLease, lifetime: Lifetime, held: AsyncExitStack) -> Delivery:
        visitor = Protocol()
        try:
            await self._place.connect(self._reactor, visitor, _SECONDS_TO_ANSWER)
        except ConnectError as problem:
            self._log.warn(
                "nobody listens at {place} yet ({problem}): until somebody does, who dials the"
                " onion is turned away",
                place=self._place,
                problem=problem,
            )
        else:
            if visitor.transport is not None:
                visitor.transport.loseConnection()
        return Delivery(self._place.ofTor, lambda: succeed(None))
