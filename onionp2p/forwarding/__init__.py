# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Carrying connections for programs that know nothing of Tor, or of Twisted.

L{publish} gives a program that listens on this machine an onion; L{reach} gives an onion a local
place, to which any program may connect; and a L{Forwarder} joins whatever endpoints there are.
"""

from __future__ import annotations

from onionp2p.events import Carried, Carrying, NotCarried, Shut, Warm
from onionp2p.forwarding.doorway import PlaceTaken
from onionp2p.forwarding.forwarder import Forwarder
from onionp2p.forwarding.limits import Counts, Limits, TooManyConnections
from onionp2p.forwarding.publishing import parseTarget, publish
from onionp2p.forwarding.reaching import WARM_SECONDS, Reach, reach
from onionp2p.local.places import Place

__all__ = [
    "WARM_SECONDS",
    "Carried",
    "Carrying",
    "Counts",
    "Forwarder",
    "Limits",
    "NotCarried",
    "Place",
    "PlaceTaken",
    "Reach",
    "Shut",
    "TooManyConnections",
    "Warm",
    "parseTarget",
    "publish",
    "reach",
]
