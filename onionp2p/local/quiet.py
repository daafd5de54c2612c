# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A factory for the one protocol that exists already, and that logs nothing of itself.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IAddress, IProtocol
from twisted.internet.protocol import Factory

__all__ = ["quietFactory"]


class _OneProtocol(Factory):
    noisy = False

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: IAddress | None) -> Any:
        return self._protocol


def quietFactory(protocol: IProtocol) -> Factory:
    """
    Give a factory that builds C{protocol}.
    """
    return _OneProtocol(protocol)
