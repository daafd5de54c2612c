# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What a fake tor tells of its circuits and streams (control-spec, sections 4.1.1 and 4.1.2).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from onionp2p.testing.faketor.publishing import DIRECTORIES

if TYPE_CHECKING:
    from onionp2p.testing.faketor.circuits import Circuit
    from onionp2p.testing.faketor.tor import FakeTor

__all__ = ["circuitLines", "streamLines"]


def circuitLines(tor: FakeTor) -> list[str]:
    """
    Give what C{GETINFO circuit-status} tells.
    """
    return [
        _circuitLine(number, circuit, isDialer=(tor, number) == (circuit.dialer, circuit.dialerId))
        for number, circuit in tor.circuits.numbered
    ]


def _circuitLine(number: int, circuit: Circuit, *, isDialer: bool) -> str:
    path = ",".join(DIRECTORIES[:3])
    side = "CLIENT" if isDialer else "SERVICE"
    begun = datetime.fromtimestamp(circuit.begun, UTC).replace(tzinfo=None)
    line = (
        f"{number} BUILT {path} BUILD_FLAGS=IS_INTERNAL,NEED_CAPACITY PURPOSE=HS_{side}_REND"
        f" HS_STATE=HS{side[0]}R_JOINED REND_QUERY={circuit.label}"
        f" TIME_CREATED={begun.isoformat(timespec='microseconds')}"
    )
    if not isDialer or not circuit.token:
        return line
    user, _, password = circuit.token.decode("latin-1").partition("\0")
    return f'{line} SOCKS_USERNAME="{user}" SOCKS_PASSWORD="{password}"'


def streamLines(tor: FakeTor) -> list[str]:
    """
    Give what C{GETINFO stream-status} tells: only of those that were dialled here.
    """
    return [
        f"{stream.number} SUCCEEDED {circuit.dialerId} {stream.name}"
        for circuit in tor.circuits
        if circuit.dialer is tor
        for stream in circuit.streams
    ]
