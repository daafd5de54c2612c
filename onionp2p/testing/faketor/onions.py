# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The onions of one fake tor: those it serves, and those it looks up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from onionp2p.testing.faketor.publishing import Descriptor, publish
from onionp2p.testing.faketor.querying import query

if TYPE_CHECKING:
    from onionp2p.testing.faketor.services import Service
    from onionp2p.testing.faketor.tor import FakeTor

__all__ = ["Onions"]


class Onions:
    """
    What a tor knows of onions.

    @ivar services: those it serves, by label.
    @ivar known: the descriptors it has looked up, by label.
    @ivar published: those that it has made, by label.
    """

    def __init__(self, tor: FakeTor) -> None:
        self._tor = tor
        self.services: dict[str, Service] = {}
        self.known: dict[str, Descriptor] = {}
        self.published: dict[str, Descriptor] = {}

    def serve(self, service: Service) -> None:
        """
        Serve an onion from now on, and publish it.
        """
        self.services[service.label] = service
        self.publish(service)

    def publish(self, service: Service) -> None:
        """
        Bring its descriptor to the directories.
        """
        self._tor.work.begin(publish, self._tor, service)

    def withdraw(self, label: str) -> None:
        """
        Serve it no more, if it is served.  Its descriptor stays where it is, as in life, and so do
        the streams of its circuits.
        """
        service = self.services.pop(label, None)
        self.published.pop(label, None)
        if service is not None:
            service.served = False

    def withdrawAll(self) -> None:
        """
        Serve none.
        """
        for label in list(self.services):
            self.withdraw(label)

    def serveFolders(self, services: Sequence[Service]) -> None:
        """
        Of the services in folders, serve these and no others.  One that is served already goes on,
        and its streams with it; of one that is not served any more, they end.
        """
        served = {its.label: its for its in self.services.values() if its.folder}
        for label in served.keys() - {its.label for its in services}:
            self.withdraw(label)
            for circuit in list(self._tor.circuits):
                if (circuit.listener, circuit.label) == (self._tor, label):
                    circuit.close()
        for service in services:
            before = self.services.get(service.label)
            if before is None:
                self.serve(service)
            elif before.folder:
                isOpen = before.clients == service.clients
                vars(before).update(vars(service))
                if not isOpen:
                    self.publish(before)

    async def fetch(self, label: str) -> Descriptor | None:
        """
        Ask the directories for an onion's descriptor, and remember it.
        """
        self.known.pop(label, None)
        descriptor = await query(self._tor, label)
        if descriptor is not None:
            self.known[label] = descriptor
        return descriptor
