# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The last step of a stream: from the tor that serves an onion to the program behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError

from onionp2p.testing.faketor.faults import Ignore, Refuse
from onionp2p.testing.faketor.places import connectTo
from onionp2p.testing.faketor.socks import SocksRefused, failure
from onionp2p.testing.faketor.streams import StreamEnd

if TYPE_CHECKING:
    from onionp2p.testing.faketor.services import Service
    from onionp2p.testing.faketor.tor import FakeTor

__all__ = ["deliver"]

_UNREACHABLE, _REFUSED = 0x01, 0x05


async def deliver(
    tor: FakeTor, service: Service, host: str, port: int, circuitId: int
) -> StreamEnd:
    """
    Connect to a service's target.

    @param host: the name that was dialled.
    @param port: the virtual port.
    @param circuitId: the number of the circuit, at this tor.

    @raise SocksRefused: says why not.
    """
    target = service.targets.get(port)
    if target is None:
        raise SocksRefused(failure(_REFUSED))
    action = await tor.at(f"TARGET {host}:{port}")
    if isinstance(action, Refuse):
        raise SocksRefused(failure(action.code))
    if isinstance(action, Ignore):
        await Deferred()
    end = StreamEnd()
    try:
        await connectTo(tor.reactor, target, end)
    except (ConnectError, ValueError):  # tor takes paths that are none
        raise SocksRefused(failure(_UNREACHABLE)) from None
    if service.exportsCircuits:
        end.transport.write(_proxyLine(circuitId, port))
    return end


def _proxyLine(circuitId: int, port: int) -> bytes:
    high, low = divmod(circuitId, 1 << 16)
    source = f"fc00:dead:beef:4dad::{high:x}:{low:x}"
    return f"PROXY TCP6 {source} ::1 {low} {port}\r\n".encode("ascii")
