# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The list of clients of an onion that is served: read again whenever its file changes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from onionp2p.clients.listfile import ClientsFile
from onionp2p.errors import ClientsFileError, OnionError

__all__ = ["ClientsWatch"]

_SECONDS_BETWEEN_LOOKS = 2.0


class ClientsWatch:
    """
    Looks at the file every 2 s, and reads it when it has been the same twice.

    It never opens the onion to more than its owner wrote: while the file can't be read or
    understood, or tor does not take the change, the list that was in force stays.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        file: ClientsFile,
        count: int,
        change: Callable[[tuple[str, ...]], Awaitable[None]],
    ) -> None:
        """
        @param file: was read once.
        @param count: how many it named then.
        @param change: lets in those whose public keys it is given, and nobody else.
        """
        self._file = file
        self._state = file.state()
        self._change = change
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock
        self._looking.start(_SECONDS_BETWEEN_LOOKS, now=False)
        self._tell(count)

    def stop(self) -> None:
        """
        Look no more.
        """
        if self._looking.running:
            self._looking.stop()

    def _look(self) -> Deferred[None] | None:
        state = self._file.state()
        settled, self._state = state == self._state, state
        # An editor may be between emptying the file and writing it.
        if not settled or not self._file.hasChanged():
            return None
        return Deferred.fromCoroutine(self._follow())

    async def _follow(self) -> None:
        try:
            keys = tuple(self._file.read().values())
            await self._change(keys)
        except ClientsFileError as problem:
            self._log.error("{error} The former list stays in force.", error=problem)
        except OnionError as problem:
            self._log.error(
                "{path}: the change is not in force: {error}", path=self._file.path, error=problem
            )
        else:
            self._tell(len(keys))

    def _tell(self, count: int) -> None:
        self._log.info("{path}: {count} may enter", path=self._file.path, count=count)
