# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
libp2p over any Twisted endpoint: Noise, yamux, multistream-select and identify.

A connection carries many streams; a stream is a transport for an ordinary Twisted protocol, and
tells who the other end is::

    factory = ConnectionFactory(reactor, identity, {"/echo/1.0.0": EchoFactory()})
    port = await serverFromString(reactor, "onionp2p:listen:port=7777").listen(factory)

    endpoint = clientFromString(reactor, "onionp2p:dial:addr=…")
    connection = await dial(reactor, endpoint, identity, peerID="12D3…")
    protocol = await connection.openStream("/echo/1.0.0", factory)

Experimental: nobody but its authors has reviewed it yet.

What the bytes mean is in modules without I/O: C{varint}, C{wire}, C{noise}, C{securechannel},
C{multistream}, C{frames}, C{yamux}, C{identify}, C{upgrade}.
"""

from __future__ import annotations

from onionp2p.libp2p.connecting import ConnectionFactory, dial
from onionp2p.libp2p.connection import Connection
from onionp2p.libp2p.errors import Libp2pError
from onionp2p.libp2p.identity import Identity
from onionp2p.libp2p.limits import Limits
from onionp2p.libp2p.peeraddress import PeerAddress

__all__ = [
    "Connection",
    "ConnectionFactory",
    "Identity",
    "Libp2pError",
    "Limits",
    "PeerAddress",
    "dial",
]
