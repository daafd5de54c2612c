# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What a tor is to serve under one onion address, as data.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from onionp2p.clients.x25519 import ClientKey
from onionp2p.keys import Identity
from onionp2p.options import Admission

__all__ = ["NOWHERE", "Clients", "Service", "Terms"]

NOWHERE = ""
"""
The target of a port that nobody serves any more.
"""

Clients = tuple[str, ...] | None
"""
The public keys of those who may enter, 52 capitals of base32 each; L{None} for everybody.
"""


@dataclass(frozen=True)
class Terms:
    """
    What holds for all ports of an onion, for as long as it is served.

    @ivar admission: who may come in, and how many.
    @ivar circuits: whether tor tells by which circuit each connection comes.
    @ivar frontend: the address, as its 56 characters, that this is an Onionbalance backend of.
    """

    admission: Admission = field(default_factory=Admission)
    circuits: bool = False
    frontend: str | None = None

    @property
    def inFolder(self) -> bool:
        """
        Whether tor can be asked for it by C{HiddenServiceDir} alone, not by C{ADD_ONION}.
        """
        return self.circuits or self.frontend is not None


@dataclass(frozen=True)
class Service:
    """
    An onion, and where its connections go.

    @ivar identity: the key behind it.
    @ivar label: the 56 characters of its address.
    @ivar terms: what holds for all its ports.
    @ivar targets: virtual ports and where tor delivers, as it writes that; in order.
    @ivar clients: who may enter.
    @ivar ours: the key by which we enter ourselves, to see whether others can.
    """

    identity: Identity = field(compare=False)
    label: str
    terms: Terms
    targets: tuple[tuple[int, str], ...] = ()
    clients: Clients = None
    ours: ClientKey = field(default_factory=ClientKey.generate, compare=False)

    @property
    def admitted(self) -> Clients:
        """
        The keys to name to tor, which takes a list of none for an onion that is open to all; ours
        is always among them.
        """
        return None if self.clients is None else (*self.clients, self.ours.public)

    def withPort(self, port: int, target: str) -> Service:
        """
        Give the same with one more port.
        """
        return replace(self, targets=tuple(sorted({*self.targets, (port, target)})))

    def withoutPort(self, port: int) -> Service:
        """
        Give the same with one port less.
        """
        return replace(self, targets=tuple(each for each in self.targets if each[0] != port))

    def withClients(self, clients: Clients) -> Service:
        """
        Give the same for other clients.
        """
        return replace(self, clients=None if clients is None else tuple(sorted(clients)))

    def servesPort(self, port: int) -> bool:
        """
        Tell whether a port is among its own.
        """
        return any(port == its for its, _ in self.targets)

    def letsIn(self, before: Service) -> bool:
        """
        Tell whether it lets in all those whom C{before} did.
        """
        if self.clients is None:
            return True
        return before.clients is not None and {*before.clients} <= {*self.clients}
