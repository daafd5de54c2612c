# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The two endpoints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from zope.interface import implementer

from onionp2p.dialing.connect import Dial
from onionp2p.dialing.isolation import Isolation
from onionp2p.listening.onion import listenAtOnion
from onionp2p.options import DialOptions, ListenOptions

if TYPE_CHECKING:
    from onionp2p.events import EventObserver
    from onionp2p.libp2p.dialing import StreamDialer

__all__ = ["OnionClientEndpoint", "OnionServerEndpoint"]


@implementer(IStreamServerEndpoint)
class OnionServerEndpoint:
    """
    Listens as an onion service; with the option C{protocol}, for one libp2p protocol at it.

    @ivar options: what it was made of.
    """

    def __init__(
        self, reactor: Any, options: ListenOptions, observer: EventObserver | None = None
    ) -> None:
        """
        @param reactor: must provide C{IReactorUNIX}, C{IReactorSocket} and C{IReactorTime}.
        @param observer: told of what happens while C{listen()} waits (L{onionp2p.events}).
        """
        self._reactor = reactor
        self.options = options
        self._observer = observer

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """
        Make the onion service, or attach to one; nothing happens before the reactor runs.

        @return: fires with the port, whose C{getHost()} is the onion's address, when it is
            served or published, as the option C{wait} says.  It fails with a
            C{CannotListenError} (see L{onionp2p.errors}), and with C{CancelledError} when it is
            cancelled, which leaves nothing behind.
        """
        reactor, options, observer = self._reactor, self.options, self._observer
        if options.protocol is not None:
            # Nobody else pays for libp2p.
            from onionp2p.libp2p.listening import StreamListen

            return StreamListen(reactor, options, protocolFactory, observer).start()
        return listenAtOnion(reactor, options, protocolFactory, observer)


@implementer(IStreamClientEndpoint)
class OnionClientEndpoint:
    """
    Reaches an onion service.  Unless the option C{isolate} says otherwise, the connections of one
    endpoint share circuits with each other, and with nobody else's; with the option C{protocol},
    they are streams on one connection.

    @ivar options: what it was made of.
    """

    def __init__(
        self, reactor: Any, options: DialOptions, observer: EventObserver | None = None
    ) -> None:
        """
        @param reactor: must provide C{IReactorUNIX}, C{IReactorSocket} and C{IReactorTime}.
        @param observer: told of what happens while C{connect()} waits (L{onionp2p.events}).
        """
        self._reactor = reactor
        self.options = options
        self._observer = observer
        self._isolation = _isolation(reactor, options)
        self._streams: StreamDialer | None = None
        if options.protocol is not None:
            from onionp2p.libp2p.dialing import StreamDialer

            self._streams = StreamDialer(reactor, options, self._isolation, observer)

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        Reach the onion; nothing happens before the reactor runs.

        @return: fires with the connected protocol.  It fails with a C{ConnectError} (see
            L{onionp2p.errors}), and with C{ConnectingCancelledError} when it is cancelled, after
            which no protocol is built.
        """
        if self._streams is not None:
            return self._streams.connect(protocolFactory)
        isolation = self._isolation or Isolation()
        return Dial(self._reactor, self.options, isolation, protocolFactory, self._observer).start()


def _isolation(reactor: Any, options: DialOptions) -> Isolation | None:
    """
    Give the circuits of all dials of an endpoint, or L{None} if each has its own.
    """
    if options.isolate is None:
        return Isolation()
    if options.isolate == "dial":
        return None
    return Isolation.ofLabel(reactor, options.isolate, options.address, options.tor, options.socks)
