# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What a stream needs of the connection that carries it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twisted.internet.interfaces import IAddress, IReactorTime

from onionp2p.interfaces import ICircuitTransport
from onionp2p.libp2p.limits import Limits
from onionp2p.libp2p.yamux import Session

if TYPE_CHECKING:
    from onionp2p.libp2p.stream import Stream

__all__ = ["Carrier"]


class Carrier(Protocol):
    """
    Carries streams.

    @ivar clock: schedules deadlines.
    @ivar session: the protocol that tells the streams apart.
    @ivar limits: those of the connection.
    @ivar host: our address.
    @ivar peer: the peer's.
    @ivar circuit: the transport of the connection, if that can end the circuit it came by.
    """

    clock: IReactorTime
    session: Session
    limits: Limits
    host: IAddress
    peer: IAddress
    circuit: ICircuitTransport | None

    def wantsToWrite(self, stream: Stream) -> None:
        """
        Call a stream's C{doWriting} in its turn.
        """

    def flushSoon(self) -> None:
        """
        Send what the session has to send.
        """

    def forget(self, stream: Stream) -> None:
        """
        A stream is over.
        """
