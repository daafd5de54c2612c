# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Onion services as Twisted endpoints: C{onionp2p:listen:port=…} and C{onionp2p:dial:addr=…}.
"""

from __future__ import annotations

from onionp2p.address import AddressError, OnionAddress, OnionPeer
from onionp2p.endpoints import OnionClientEndpoint, OnionServerEndpoint
from onionp2p.options import DialOptions, ListenOptions, TorOptions, Wait
from onionp2p.tor.pool import shutdown

__all__ = [
    "AddressError",
    "DialOptions",
    "ListenOptions",
    "OnionAddress",
    "OnionClientEndpoint",
    "OnionPeer",
    "OnionServerEndpoint",
    "TorOptions",
    "Wait",
    "shutdown",
]
