# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
An endpoint, and whether it connects in time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.python.failure import Failure
from zope.interface import implementer

from onionp2p.waiting.cancelling import CANCELLED

__all__ = ["AttentiveEndpoint"]

# The first of libp2p's peers to give up does so 5 s after it was let in.
_SECONDS_TO_ANSWER = 4.0


@implementer(IStreamClientEndpoint)
class AttentiveEndpoint:
    """
    An endpoint, and what it takes to connect to it.
    """

    def __init__(
        self, reactor: Any, endpoint: IStreamClientEndpoint, doubt: Callable[[str], None]
    ) -> None:
        """
        @param doubt: told why, when a dial takes too long, or fails.
        """
        self._reactor = reactor
        self._endpoint = endpoint
        self._doubt = doubt

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        late = self._reactor.callLater(
            _SECONDS_TO_ANSWER, self._doubt, f"no answer in {_SECONDS_TO_ANSWER:g} s."
        )

        def ended(result: IProtocol | Failure) -> IProtocol | Failure:
            if late.active():
                late.cancel()
            if isinstance(result, Failure) and not result.check(*CANCELLED):
                self._doubt(result.getErrorMessage())
            return result

        connecting: Deferred[IProtocol] = self._endpoint.connect(protocolFactory)
        return connecting.addBoth(ended)
