# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The two endpoints.
"""

from __future__ import annotations

import secrets
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

from onionp2p.dialing import Dial
from onionp2p.listening import Listen
from onionp2p.options import DialOptions, ListenOptions

if TYPE_CHECKING:
    from onionp2p.tor.bootstrap import ProgressObserver

__all__ = ["OnionClientEndpoint", "OnionServerEndpoint"]


@implementer(IStreamServerEndpoint)
class OnionServerEndpoint:
    """
    Listens as an onion service.
    """

    def __init__(
        self, reactor: Any, options: ListenOptions, progress: ProgressObserver | None = None
    ) -> None:
        """
        @param reactor: must provide C{IReactorUNIX}, C{IReactorSocket} and C{IReactorTime}.
        @param progress: told of each step of tor's bootstrap
            (L{Progress<onionp2p.tor.bootstrap.Progress>}) while C{listen()} waits.
        """
        self._reactor = reactor
        self._options = options
        self._progress = progress

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """
        Make the onion service; nothing happens before the reactor runs.

        @return: fires with the port, whose C{getHost()} is the onion's address, when it is
            served or published, as the option C{wait} says.  It fails with a
            C{CannotListenError} (see L{onionp2p.errors}), and with C{CancelledError} when it is
            cancelled, which leaves nothing behind.
        """
        return Listen(self._reactor, self._options, protocolFactory, self._progress).start()


@implementer(IStreamClientEndpoint)
class OnionClientEndpoint:
    """
    Reaches an onion service.  The connections of one endpoint share circuits with each other, and
    with nobody else's.
    """

    def __init__(
        self, reactor: Any, options: DialOptions, progress: ProgressObserver | None = None
    ) -> None:
        """
        @param reactor: must provide C{IReactorUNIX}, C{IReactorSocket} and C{IReactorTime}.
        @param progress: told of each step of tor's bootstrap
            (L{Progress<onionp2p.tor.bootstrap.Progress>}) while C{connect()} waits.
        """
        self._reactor = reactor
        self._options = options
        self._progress = progress
        self._token = secrets.token_hex(16)

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        Reach the onion; nothing happens before the reactor runs.

        @return: fires with the connected protocol.  It fails with a C{ConnectError} (see
            L{onionp2p.errors}), and with C{ConnectingCancelledError} when it is cancelled, after
            which no protocol is built.
        """
        dial = Dial(self._reactor, self._options, self._token, protocolFactory, self._progress)
        return dial.start()
