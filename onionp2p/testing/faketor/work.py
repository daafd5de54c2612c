# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What a fake tor does by itself, as opposed to what it answers.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

__all__ = ["Work"]


class Work:
    """
    Things under way, which end together.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._tasks: set[Deferred[None]] = set()

    def begin(self, work: Callable[..., Coroutine[Any, Any, object]], *arguments: object) -> None:
        """
        Do something, in a turn of the reactor of its own.
        """

        async def run() -> None:
            await deferLater(self._clock, 0)
            await work(*arguments)

        task: Deferred[None] = Deferred.fromCoroutine(run())
        self._tasks.add(task)
        task.addBoth(self._ended, task)

    def end(self) -> None:
        """
        Cancel what is not done.
        """
        for task in list(self._tasks):
            task.cancel()

    def _ended(self, result: object, task: Deferred[None]) -> None:
        self._tasks.discard(task)
        if isinstance(result, Failure) and not result.check(CancelledError):
            self._log.failure("the fake tor is broken", failure=result)
