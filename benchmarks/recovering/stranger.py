# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Who dials: somebody with a tor of his own, which has been up for long.
"""

from __future__ import annotations

from typing import Any

from measuring.protocols import RoundTrips
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionClosed,
    TimeoutError,
)
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from onionp2p import DialOptions, OnionAddress, OnionClientEndpoint, TorOptions
from onionp2p.waiting.outcome import Outcome

__all__ = ["SECONDS_BETWEEN", "Stranger"]

SECONDS_BETWEEN = 0.5
_SECONDS = 120.0


class Stranger:
    """
    Reaches onions as somebody does who has never reached them by the circuit he takes.
    """

    def __init__(self, reactor: Any, state: str) -> None:
        """
        @param state: his tor's folder.
        """
        self._reactor = reactor
        self._tor = TorOptions(state=state)

    async def reach(self, address: OnionAddress) -> None:
        """
        Begin a dial every half second, each by fresh circuits, until one of them gives an answer
        from the other side.

        @raise TimeoutError: if none does within two minutes.
        """
        options = DialOptions(address, isolate="dial", tor=self._tor, timeout=_SECONDS)
        endpoint = OnionClientEndpoint(self._reactor, options)
        reached: Outcome[None] = Outcome()
        dialing: list[Deferred[None]] = []

        def dial() -> None:
            dialing.append(Deferred.fromCoroutine(_visit(endpoint)))
            dialing[-1].addCallbacks(reached.succeed, _failed)

        dials = LoopingCall(dial)
        dials.clock = self._reactor
        dials.start(SECONDS_BETWEEN)
        try:
            await reached.wait().addTimeout(_SECONDS, self._reactor)
        finally:
            dials.stop()
            for each in dialing:
                each.cancel()


async def _visit(endpoint: OnionClientEndpoint) -> None:
    protocol = await connectProtocol(endpoint, RoundTrips(1))
    try:
        protocol.begin()
        await protocol.done
    finally:
        protocol.transport.abortConnection()


def _failed(failure: Failure) -> None:
    """
    Make nothing of a dial that did not come through: another one will.
    """
    failure.trap(
        CancelledError, ConnectingCancelledError, ConnectError, TimeoutError, ConnectionClosed
    )
