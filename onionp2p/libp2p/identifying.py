# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{/ipfs/id/1.0.0} on a stream: say who we are, once.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol

from onionp2p.libp2p.identify import Identification

__all__ = ["IdentifyFactory"]


class _Identify(Protocol):
    """
    Tells, and closes.
    """

    def __init__(self, identification: Identification) -> None:
        self._identification = identification

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self._identification.encode())
        self.transport.loseConnection()


class IdentifyFactory(Factory):
    """
    Answers who asks.
    """

    noisy = False

    def __init__(self, identification: Callable[[], Identification]) -> None:
        """
        @param identification: gives what is to be told.
        """
        self._identification = identification

    def buildProtocol(self, addr: IAddress | None) -> _Identify:
        return _Identify(self._identification())
