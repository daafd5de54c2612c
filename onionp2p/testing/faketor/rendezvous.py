# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
From the name of an onion to a circuit that leads there: its descriptor, the key to it, the
introduction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from onionp2p.testing.faketor.circuits import Circuit
from onionp2p.testing.faketor.faults import Ignore, Refuse
from onionp2p.testing.faketor.socks import SocksRefused, failure

if TYPE_CHECKING:
    from onionp2p.testing.faketor.publishing import Descriptor
    from onionp2p.testing.faketor.tor import FakeTor

__all__ = ["meet"]

_NO_DESCRIPTOR, _NO_INTRODUCTION, _NO_KEY, _WRONG_KEY = 0xF0, 0xF2, 0xF4, 0xF5


async def meet(tor: FakeTor, label: str, token: bytes) -> Circuit:
    """
    Give a circuit to an onion: one that there is, or a new one.

    @param token: with whose circuits it may be shared.

    @raise SocksRefused: says why there is none.
    """
    descriptor = tor.onions.known.get(label) or await _fetch(tor, label)
    _checkKey(tor, descriptor)
    circuit = tor.circuits.find(tor, label, token)
    if circuit is not None:
        return circuit
    action = await tor.at(f"INTRODUCTION {label}")
    if isinstance(action, Refuse):
        raise SocksRefused(failure(action.code))
    if isinstance(action, Ignore):
        await Deferred()
    if not descriptor.service.served:  # its introduction points are gone: is there a newer one?
        descriptor = await _fetch(tor, label)
        _checkKey(tor, descriptor)
    if not descriptor.service.served:
        raise SocksRefused(failure(_NO_INTRODUCTION))
    # Another stream of the same isolation may have been faster.
    return tor.circuits.find(tor, label, token) or Circuit(tor, descriptor.tor, label, token)


async def _fetch(tor: FakeTor, label: str) -> Descriptor:
    descriptor = await tor.onions.fetch(label)
    if descriptor is None:
        raise SocksRefused(failure(_NO_DESCRIPTOR))
    return descriptor


def _checkKey(tor: FakeTor, descriptor: Descriptor) -> None:
    ours = tor.clientKeys.publicKey(descriptor.service.label)
    if descriptor.clients and ours is None:
        raise SocksRefused(failure(_NO_KEY))
    if descriptor.clients and ours not in descriptor.clients:
        raise SocksRefused(failure(_WRONG_KEY))
