# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What the planning process and the two others say to each other: JSON objects, one a line.

An order names what to do in C{do}; what comes of it has the same number C{id}: C{answer}, or
C{error}.  What is told unasked has
no number: C{tell} says what it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from onionp2p.waiting.outcome import Outcome

__all__ = ["Action", "Orders"]

Action = Callable[..., Coroutine[Deferred[Any], Any, Any]]


class Orders(LineOnlyReceiver):
    """
    Takes orders on standard input, and answers on standard output.

    @ivar over: fires when there will be no more.
    """

    delimiter = b"\n"
    transport: Any = None

    def __init__(self, actions: dict[str, Action]) -> None:
        """
        @param actions: what can be ordered, by name; what they return is the answer.
        """
        self._actions = actions
        self.over: Outcome[None] = Outcome()
        StandardIO(self)

    def lineReceived(self, line: bytes) -> None:
        order = json.loads(line)
        number, action = order.pop("id"), self._actions[order.pop("do")]
        done = Deferred.fromCoroutine(action(**order))
        done.addCallbacks(
            lambda answer: self._say(id=number, answer=answer),
            lambda failure: self._say(id=number, error=failure.getTraceback()),
        )

    def tell(self, what: str, **facts: Any) -> None:
        """
        Say something unasked.
        """
        self._say(tell=what, **facts)

    def _say(self, **words: Any) -> None:
        self.transport.write(json.dumps(words).encode("ascii") + self.delimiter)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.over.succeed(None)
