# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The onions of one fake tor: those it serves, and those it looks up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onionp2p.testing.faketor.publishing import DIRECTORIES, Descriptor, publish

if TYPE_CHECKING:
    from onionp2p.testing.faketor.services import Service
    from onionp2p.testing.faketor.tor import FakeTor

__all__ = ["Onions"]


class Onions:
    """
    What a tor knows of onions.

    @ivar services: those it serves, by label.
    """

    def __init__(self, tor: FakeTor) -> None:
        self._tor = tor
        self.services: dict[str, Service] = {}

    def serve(self, service: Service) -> None:
        """
        Serve an onion from now on, and publish it.
        """
        self.services[service.label] = service
        self._tor.work.begin(publish, self._tor, service)

    def withdraw(self, label: str) -> None:
        """
        Serve it no more, if it is served.  Its descriptor stays where it is, as in life.
        """
        service = self.services.pop(label, None)
        if service is not None:
            service.served = False

    def withdrawAll(self) -> None:
        """
        Serve none.
        """
        for label in list(self.services):
            self.withdraw(label)

    def lookUp(self, label: str) -> Descriptor | None:
        """
        Ask the directories for an onion's descriptor, and tell of it.
        """
        directory = DIRECTORIES[0]
        self._tor.tell("HS_DESC", f"REQUESTED {label} NO_AUTH {directory} {label}")
        descriptor = self._tor.network.descriptors.get(label)
        if descriptor is None:
            reason = "REASON=NOT_FOUND"
            self._tor.tell("HS_DESC", f"FAILED {label} NO_AUTH {directory} {label} {reason}")
        else:
            self._tor.tell("HS_DESC", f"RECEIVED {label} NO_AUTH {directory} {label}")
        return descriptor

    async def fetch(self, label: str) -> None:
        """
        The same, for C{HSFETCH}.
        """
        self.lookUp(label)
