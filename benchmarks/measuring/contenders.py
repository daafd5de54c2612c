# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Who is measured: ways from a Twisted program to a connection.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.interfaces import IAddress, IProtocol
from twisted.internet.protocol import Factory

from measuring.protocols import Measured
from measuring.requests import Port

__all__ = ["AGAIN", "ONIONP2P", "PLAIN", "TWISTED", "TXTORCON", "Contender"]

PLAIN, AGAIN = "plain Twisted", "plain Twisted again"
ONIONP2P, TXTORCON = "onionp2p", "txtorcon"

_Measured = TypeVar("_Measured", bound=Measured)


class _OneProtocol(Factory):
    noisy = False

    def __init__(self, protocol: Measured) -> None:
        self._one = protocol

    def buildProtocol(self, addr: IAddress | None) -> Any:
        return self._one


class Contender(ABC):
    """
    A way to get connected.
    """

    def __init__(self, reactor: Any, folder: str, label: str) -> None:
        """
        @param folder: where the stand-in's sockets are, or tor's C{socks}.
        @param label: the onion's 56 characters.
        """
        self.reactor = reactor
        self.folder = folder
        self.label = label

    async def dial(
        self, protocol: _Measured, *, port: int = Port.ASKED, fresh: bool = False
    ) -> _Measured:
        """
        Connect C{protocol}.

        @param fresh: by fresh circuits, which the following ones then share.  txtorcon can't ask
            for them: tor must have dropped the old ones.
        """
        await self.connect(_OneProtocol(protocol), port, fresh)
        return protocol

    @abstractmethod
    def connect(self, factory: Factory, port: int, fresh: bool) -> Deferred[IProtocol]:
        """
        The contender's own part.
        """

    def share(self, token: str) -> None:  # noqa: B027 - plain sockets and txtorcon have no choice
        """
        Dial by the circuits of all who have the same isolation token, if there is a choice.
        """

    @property
    def socks(self) -> str:
        """
        The SOCKS socket.
        """
        return os.path.join(self.folder, "socks")


class _Plain(Contender):
    """
    Twisted's UNIX endpoints, with no SOCKS and no tor in between: what all the others add to.
    """

    def connect(self, factory: Factory, port: int, fresh: bool) -> Deferred[IProtocol]:
        path = os.path.join(self.folder, f"direct-{port}")
        connecting: Deferred[IProtocol] = UNIXClientEndpoint(self.reactor, path).connect(factory)
        return connecting


class _Onionp2p(Contender):
    """
    The endpoints of this package.
    """

    def __init__(self, reactor: Any, folder: str, label: str) -> None:
        super().__init__(reactor, folder, label)
        self._endpoints: dict[int, Any] = {}

    def connect(self, factory: Factory, port: int, fresh: bool) -> Deferred[IProtocol]:
        if fresh or port not in self._endpoints:
            self._endpoints[port] = self._endpoint(port)
        connecting: Deferred[IProtocol] = self._endpoints[port].connect(factory)
        return connecting

    def share(self, token: str) -> None:
        endpoint = self._endpoint(Port.ASKED)
        # An endpoint's token is nobody else's, so that this can only be done behind its back.
        endpoint._isolation.token = token
        self._endpoints[Port.ASKED] = endpoint

    def _endpoint(self, port: int) -> Any:
        from onionp2p import DialOptions, OnionAddress, OnionClientEndpoint

        options = DialOptions(OnionAddress(self.label, port), socks=self.socks)
        return OnionClientEndpoint(self.reactor, options)


class _Txtorcon(Contender):
    """
    The endpoints of txtorcon.  They connect once each.
    """

    def connect(self, factory: Factory, port: int, fresh: bool) -> Deferred[IProtocol]:
        from txtorcon.socks import TorSocksEndpoint

        proxy = UNIXClientEndpoint(self.reactor, self.socks)
        connecting: Deferred[IProtocol] = TorSocksEndpoint(
            proxy, f"{self.label}.onion", port
        ).connect(factory)
        return connecting


TWISTED: dict[str, type[Contender]] = {
    PLAIN: _Plain,
    AGAIN: _Plain,
    ONIONP2P: _Onionp2p,
    TXTORCON: _Txtorcon,
}
"""
By name.  What differs between the first two is noise.
"""
