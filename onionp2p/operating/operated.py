# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A service together with what tells operators about it.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.application.service import IService, MultiService, Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger

__all__ = ["Operated"]


class Operated(MultiService):
    """
    Starts the watchers of a service before it, so that they miss nothing, and stops them once it
    has stopped, so that they tell its end.
    """

    _log = Logger()

    def __init__(self, service: IService, watchers: Sequence[IService]) -> None:
        """
        @param watchers: a L{onionp2p.operating.StatusFile}, for example.
        """
        MultiService.__init__(self)
        for each in [*watchers, service]:
            each.setServiceParent(self)

    def stopService(self) -> Deferred[None]:
        """
        Stop one after the other.

        @return: fires when all have stopped.  What a service fails with is for the log, and keeps
            no other one from being stopped.
        """
        Service.stopService(self)
        return Deferred.fromCoroutine(self._stopAll())

    async def _stopAll(self) -> None:
        for each in reversed(list(self)):
            try:
                await maybeDeferred(each.stopService)
            except Exception:  # noqa: BLE001 - see above
                self._log.failure("a service did not stop in good order:")
