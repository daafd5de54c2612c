# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
libp2p's ping and an echo, as ordinary Twisted protocols over any transport.

The codec, L{onionp2p.ping.codec}, does no I/O.
"""

__all__ = [
    "Echo",
    "EchoInitiatorFactory",
    "EchoResponder",
    "EchoResponderFactory",
    "Err",
    "InitiatorCodec",
    "Ok",
    "PeriodicPinger",
    "PingError",
    "PingEvent",
    "PingInitiator",
    "PingInitiatorFactory",
    "PingResponder",
    "PingResponderFactory",
    "ResponderCodec",
]

from onionp2p.ping.codec import Echo, InitiatorCodec, ResponderCodec
from onionp2p.ping.echo import EchoInitiatorFactory, EchoResponder, EchoResponderFactory
from onionp2p.ping.errors import PingError
from onionp2p.ping.initiator import PingInitiator
from onionp2p.ping.periodic import PeriodicPinger, PingInitiatorFactory
from onionp2p.ping.responder import PingResponder, PingResponderFactory
from onionp2p.ping.results import Err, Ok, PingEvent
