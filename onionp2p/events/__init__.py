# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What happens to onions and dials, as one stream of typed values.

An endpoint tells its own observer.  All of them, of all endpoints, are events of
L{twisted.logger} too, under the key C{onionp2p}: L{observe} picks them out.  Their order, for one
listener::

    Starting, (Published | Reachable | Unreachable | Repairing)*, Stopped

for one on an onion that some tor serves already (C{addr=}), where tor's owner looks after it::

    Starting, Attached, (Attached | Unreachable | Repairing)*, Stopped

and for a dial::

    Retrying*, (Connected | Failed)

and for a connection that is carried (L{onionp2p.forwarding})::

    (Carrying, Carried) | NotCarried

with tor's own, L{Progress} and L{TorEnded}, among them.  Whenever a listener was L{Starting}, it
ends with L{Stopped}, also where C{listen()} fails later on.  An event's text says what the operator
is to know; it holds no key, and the address of a dialled peer is shortened.
"""

from __future__ import annotations

from onionp2p.events.carrying import Carried, Carrying, NotCarried, Shut, Warm
from onionp2p.events.dialing import Connected, Failed, Retrying
from onionp2p.events.event import Event, EventObserver, observe, publish
from onionp2p.events.listening import (
    Attached,
    Cause,
    Published,
    Reachable,
    Repairing,
    Starting,
    Stopped,
    Unreachable,
)
from onionp2p.events.tor import Progress, TorEnded

__all__ = [
    "Attached",
    "Carried",
    "Carrying",
    "Cause",
    "Connected",
    "Event",
    "EventObserver",
    "Failed",
    "NotCarried",
    "Progress",
    "Published",
    "Reachable",
    "Repairing",
    "Retrying",
    "Shut",
    "Starting",
    "Stopped",
    "TorEnded",
    "Unreachable",
    "Warm",
    "observe",
    "publish",
]
