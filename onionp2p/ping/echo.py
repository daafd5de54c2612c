# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The article's second step: arbitrary bytes instead of pings.

The responder sends back whatever comes, at once and in chunks of any size.  The
initiator sends random bytes of random length in the rhythm of ping; right is an
answer that has the same bytes in the same order.
"""

from __future__ import annotations

import secrets

from twisted.internet.protocol import Factory

from onionp2p.ping.periodic import PingInitiatorFactory
from onionp2p.ping.responder import Responder

__all__ = ["MESSAGE_LIMIT", "EchoInitiatorFactory", "EchoResponder", "EchoResponderFactory"]

MESSAGE_LIMIT = 16384
"""Bytes that a message of the initiator has at most."""


def randomMessage() -> bytes:
    """
    Make between 1 and L{MESSAGE_LIMIT} random bytes.
    """
    return secrets.token_bytes(1 + secrets.randbelow(MESSAGE_LIMIT))


class EchoResponder(Responder):
    """
    Echoes everything.
    """

    def answer(self, data: bytes) -> bytes:
        return data


class EchoResponderFactory(Factory):
    """
    Echoes everything on every connection.
    """

    noisy = False
    protocol = EchoResponder


class EchoInitiatorFactory(PingInitiatorFactory):
    """
    Sends random messages to every peer that it is connected to, and checks what comes back.
    """

    payload = staticmethod(randomMessage)
