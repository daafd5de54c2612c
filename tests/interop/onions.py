# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Onions that programs serve, and the endpoints that reach them.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import clientFromString

from onionp2p import OnionAddress
from tests.programs import Program


async def served(program: Program) -> OnionAddress:
    """
    Give the address that a program has begun to serve, as its log tells it.
    """
    line = await program.says("listening on /onion3/")
    return OnionAddress.fromString(line.rsplit(maxsplit=1)[-1])


def dialString(address: Any, options: str = "") -> str:
    """
    Give the endpoint string that reaches an address.
    """
    return f"onionp2p:dial:addr={address.hostname}:{address.port}{options}"


def endpointTo(address: Any, options: str = "") -> Any:
    """
    Give the endpoint that reaches it.
    """
    return clientFromString(reactor, dialString(address, options))
