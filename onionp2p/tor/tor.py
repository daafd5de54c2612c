# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What a tor is to those who use it, whoever launched it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from onionp2p.errors import TorDied
from onionp2p.local.places import Place

if TYPE_CHECKING:
    from onionp2p.tor.bootstrap import Bootstrap
    from onionp2p.tor.clientauth import ClientAuthorizations
    from onionp2p.tor.control import TorControl

__all__ = ["Tor"]


class Tor(Protocol):
    """
    A tor that answers.

    @ivar control: its control connection.
    @ivar bootstrap: how far it is in reaching its network.
    @ivar authorizations: our keys to others' onions, while they are needed.
    """

    control: TorControl
    bootstrap: Bootstrap
    authorizations: ClientAuthorizations

    @property
    def socks(self) -> Place:
        """
        Where it takes dials.

        @raise NoSocksPort: if it does nowhere.
        """

    async def bootstrapped(self) -> None:
        """
        Wait until it can build circuits.

        @raise TorError: says what keeps it from that.
        """

    def newTarget(self) -> Place:
        """
        Give a place for one more listener, where this tor can deliver; port 0 is any free one.
        """

    def whyLost(self) -> TorDied:
        """
        Give the error for when its control connection has ended.
        """

    async def takeLeave(self) -> None:
        """
        Take back what would stay when we are gone; after this, connections only flush.
        """

    async def end(self) -> None:
        """
        Take back all that we have given it, and end it, if it is ours.
        """

    def endNow(self) -> None:
        """
        The same, without the reactor: for when it has stopped.
        """
