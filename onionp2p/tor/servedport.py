# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What one listener has of an onion: a port.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from onionp2p.tor.service import Clients

if TYPE_CHECKING:
    from onionp2p.tor.clientauth import ClientAuthorizations
    from onionp2p.tor.servedonion import ServedOnion
    from onionp2p.tor.services import OnionServices

__all__ = ["ServedPort"]

_PORTS = 1 << 16


class ServedPort:
    """
    A port of an onion that a listener has.
    """

    def __init__(self, services: OnionServices, onion: ServedOnion, port: int) -> None:
        self._services = services
        self._onion = onion
        self._port = port

    def whenPublished(self) -> Deferred[None]:
        """
        Give a Deferred that fires when others can look the onion up, as it is by then; it fails
        when there will be no more tors, with the reason.
        """
        return self._onion.publication.whenPublished()

    @property
    def uploads(self) -> str:
        """
        How far its publication is, for people.
        """
        return str(self._onion.publication)

    async def changeClients(self, clients: Clients) -> None:
        """
        Let in these from now on, at all ports; where tor is gone, from the next one on.

        @raise OnionRefused: if tor refuses; then the former ones stay.
        """
        self._onion.desired = self._onion.desired.withClients(clients)
        await self._onion.follow()

    async def republish(self) -> None:
        """
        Have tor make the onion anew, introduction points and descriptors included.  Streams live
        on.

        @raise OnionRefused: if tor refuses.
        """
        await self._onion.renew()

    async def enter(self, authorizations: ClientAuthorizations) -> Callable[[], None]:
        """
        See to it that we can enter ourselves, where only some may.

        @return: a callable that ends this.

        @raise ClientKeyConflict: if tor has another key to this onion.
        @raise TorError: if tor refuses, or is gone.
        """
        service = self._onion.desired
        if service.clients is None:
            return _nothing
        return await authorizations.hold(service.label, service.ours)

    @property
    def label(self) -> str:
        """
        The 56 characters of the onion's address.
        """
        return self._onion.desired.label

    def unservedPort(self) -> int:
        """
        Give a virtual port at which nobody listens.
        """
        service = self._onion.desired
        # It has far too few to make this long.
        while service.servesPort(port := secrets.randbelow(_PORTS - 1) + 1):
            pass
        return port

    async def stop(self, idle: Deferred[None]) -> None:
        """
        Serve the port no more; its connections live on.  Never fails, and takes 2 s at most: where
        tor is gone, so is the onion, and one that is frozen obeys when it thaws.

        @param idle: fires when the last connection has ended.
        """
        await self._services.stop(self, self._onion, self._port, idle)


def _nothing() -> None:
    """
    Everybody may enter.
    """
