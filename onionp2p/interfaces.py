# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What transports offer beside what Twisted's do.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import Interface

__all__ = ["ICircuitTransport"]


class ICircuitTransport(Interface):
    """
    The transport of a connection that came in through an onion whose listener tells circuits apart
    (C{circuits=yes}), or of a libp2p stream on one.  Its C{getPeer()} is an
    L{OnionPeer<onionp2p.OnionPeer>}, or a libp2p peer's address, with a C{circuit}.
    """

    def closeCircuit() -> Deferred[None]:
        """
        Put the peer out: end the circuit that this connection came by, and so all its connections,
        this one among them.  He may come back by another circuit, which takes him seconds.

        @return: fires when tor has ended it, and never fails; C{connectionLost} of all of them
            comes at the same time.
        """
