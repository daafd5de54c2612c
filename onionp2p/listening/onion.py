# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The onion that a listener is asked for: one of our own, or one that some tor serves already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort, IProtocolFactory

from onionp2p.listening.attaching import Attach
from onionp2p.listening.delivery import OurSocket
from onionp2p.listening.listen import Listen
from onionp2p.options import ListenOptions

if TYPE_CHECKING:
    from onionp2p.events import EventObserver

__all__ = ["listenAtOnion"]


def listenAtOnion(
    reactor: Any,
    options: ListenOptions,
    factory: IProtocolFactory,
    observer: EventObserver | None,
) -> Deferred[IListeningPort]:
    """
    Listen at the onion of C{options}, for connections as they are: without libp2p.

    @param factory: takes the connections.
    @param observer: told of tor's bootstrap, and of all that happens to the listener.

    @return: as that of L{onionp2p.OnionServerEndpoint.listen}.
    """
    if options.attach is not None:
        return Attach(reactor, options, options.attach, factory, observer).start()
    return Listen(reactor, options, OurSocket(reactor, options, factory), observer).start()
