# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The peers of a listener, told apart by the circuits they came by.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from onionp2p.interfaces import ICircuitTransport

__all__ = ["Circuits", "circuitClass"]


class Circuits:
    """
    The open connections of one listener, by circuit.
    """

    def __init__(self, closeAtTor: Callable[[int], Awaitable[None]]) -> None:
        """
        @param closeAtTor: ends a circuit by its number; never fails.
        """
        self._closeAtTor = closeAtTor
        self._open: dict[int, set[Any]] = {}

    def expect(self, transport: Any) -> None:
        """
        Make a transport an L{ICircuitTransport}, which it is once the circuit is known.

        @param transport: of a class derived from one of Twisted's; is changed in place.
        """
        if not isinstance(transport, _CircuitTransport):
            ofOurs: type = type(transport)
            transport.__class__ = circuitClass(ofOurs)
        transport._onionCircuits = self  # noqa: SLF001 - it is our class now

    def join(self, circuit: int, transport: Any) -> None:
        """
        Count a connection.

        @param transport: its C{getPeer()} has the number of the circuit from now on.
        """
        self._open.setdefault(circuit, set()).add(transport)

    def leave(self, circuit: int | None, transport: Any) -> None:
        """
        A connection has ended.

        @param circuit: L{None} if that was before it was known.
        """
        if circuit is None:
            return
        others = self._open.get(circuit, set())
        others.discard(transport)
        if not others:
            self._open.pop(circuit, None)

    async def close(self, circuit: int) -> None:
        """
        End a circuit, and its connections.  Never fails.
        """
        if circuit not in self._open:  # and its number may be another's by now
            return
        await self._closeAtTor(circuit)
        # Tor has closed its ends; but what it wrote before that shall not be heard any more.
        for transport in [*self._open.get(circuit, ())]:
            transport.abortConnection()


@implementer(ICircuitTransport)
class _CircuitTransport:
    """
    What a transport becomes, in front of its own class.
    """

    _onionCircuits: Circuits

    def connectionLost(self: Any, reason: Failure) -> None:
        try:
            super().connectionLost(reason)  # type: ignore[misc]
        finally:
            self._onionCircuits.leave(self.getPeer().circuit, self)

    def closeCircuit(self: Any) -> Deferred[None]:
        closing: Deferred[None] = Deferred.fromCoroutine(
            self._onionCircuits.close(self.getPeer().circuit)
        )
        return closing


@cache
def circuitClass(ofOurs: type) -> type:
    """
    Give the class of an onion's transports that are told apart by circuit.

    @param ofOurs: their class as L{onionp2p.transport} makes it.
    """
    return type(f"Circuit{ofOurs.__name__}", (_CircuitTransport, ofOurs), {})
