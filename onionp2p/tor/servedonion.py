# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
An onion between what is desired of it and what tor serves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IReactorTime

from onionp2p.tor.publication import Publication
from onionp2p.tor.service import NOWHERE, Service
from onionp2p.turns import Turns

if TYPE_CHECKING:
    from onionp2p.tor.servedport import ServedPort

__all__ = ["ServedOnion"]


class ServedOnion:
    """
    One onion.

    @ivar desired: what it is to be.
    @ivar inForce: what tor serves, or L{None}.
    @ivar uncertain: whether that is not known.
    @ivar leaving: the listeners that were stopped while their connections lived, and their ports.
    """

    def __init__(self, clock: IReactorTime, desired: Service) -> None:
        self.desired = desired
        self.inForce: Service | None = None
        self.uncertain = False
        self.leaving: dict[ServedPort, int] = {}
        self.publication = Publication(clock)
        self.turn = Turns()

    @property
    def wanted(self) -> Service | None:
        """
        What tor is to serve for that: L{None} for nothing.
        """
        wanted = self.desired
        if wanted.terms.inFolder:
            for port in self.leaving.values():
                if not wanted.servesPort(port):
                    wanted = wanted.withPort(port, NOWHERE)
        return wanted if wanted.targets else None
