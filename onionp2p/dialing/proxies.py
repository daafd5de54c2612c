# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The way to a tor's SOCKS port: to a tor that we have or control, or to one that just runs
(C{socks=}).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakValueDictionary

from onionp2p.errors import TorDied, TorError, TorNotRunning
from onionp2p.local.places import Place
from onionp2p.options import DialOptions
from onionp2p.tor.pool import leaseTor
from onionp2p.waiting.dialqueue import DialQueue

if TYPE_CHECKING:
    from onionp2p.clients.keys import ClientKey
    from onionp2p.tor.bootstrap import ProgressObserver
    from onionp2p.tor.tor import Tor

__all__ = ["Proxy", "openProxy"]

_running: WeakValueDictionary[tuple[Any, Place], _RunningProxy] = WeakValueDictionary()


class Proxy(Protocol):
    """
    What one dial and its connection need of a tor.  Whoever has it releases it.

    @ivar queue: the turns of all who dial by the same tor.
    """

    queue: DialQueue

    async def ready(self) -> Place:
        """
        Wait until there is a use in dialling.

        @return: tor's SOCKS port.

        @raise TorError: says what keeps tor from it.
        """

    def absent(self) -> TorError:
        """
        Give the error for when nothing answers there.
        """

    def release(self) -> None:
        """
        Give it back.
        """


class _TorProxy:
    """
    By a tor whose control port is ours to use.
    """

    def __init__(
        self, reactor: Any, options: DialOptions, observer: ProgressObserver | None
    ) -> None:
        self._label = options.address.label
        self._key = _loadKey(options)
        self._authorizedOn: Tor | None = None
        self._revoke: Callable[[], None] = _nothing
        self._lease = leaseTor(reactor, options.tor, observer)
        self.queue = self._lease.queue

    async def ready(self) -> Place:
        tor = await self._lease.bootstrapped()
        if self._key is not None and self._authorizedOn is not tor:
            self._revoke = await tor.authorizations.hold(self._label, self._key)
            self._authorizedOn = tor
        return tor.socks

    def absent(self) -> TorError:
        return TorDied("Its SOCKS socket does not answer.")

    def release(self) -> None:
        self._revoke()
        self._revoke = _nothing
        self._lease.release()


class _RunningProxy:
    """
    By a tor of which we know nothing but its SOCKS port.  All who dial by that share it.
    """

    def __init__(self, socks: Place) -> None:
        self._socks = socks
        self.queue = DialQueue()

    async def ready(self) -> Place:
        return self._socks

    def absent(self) -> TorError:
        return TorNotRunning(f"Nothing answers on {self._socks.name}.")

    def release(self) -> None:
        """
        There is nothing to give back.
        """


def openProxy(
    reactor: Any, options: DialOptions, observer: ProgressObserver | None = None
) -> Proxy:
    """
    Begin to use the tor of C{options}; launch it if need be.

    @param observer: told of its bootstrap.

    @raise ClientKeyError: if the key to the onion can't be read.
    """
    if options.socks is None:
        return _TorProxy(reactor, options, observer)
    socks = Place.of(options.socks)
    proxy = _running.get((reactor, socks))
    if proxy is None:
        proxy = _running[reactor, socks] = _RunningProxy(socks)
    return proxy


def _loadKey(options: DialOptions) -> ClientKey | None:
    if not isinstance(options.auth, str):
        return options.auth
    # Few need it, and it imports cryptography.
    from onionp2p.clients.keys import loadClientKey

    return loadClientKey(options.auth, options.address)


def _nothing() -> None:
    """
    There is no key to take back.
    """
