# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A service that may leak, under a guard: C{twistd onionp2p … --strict}.
"""

from __future__ import annotations

from twisted.application.service import IService, MultiService

from onionp2p.leaks.guard import LeakGuard

__all__ = ["StrictService"]


class StrictService(MultiService):
    """
    Runs a service under a guard that lets nobody make an Internet socket, but on our own way to a
    tor on this machine.

    @ivar guard: the guard.  It stays active when the service has stopped: what says good-bye at the
        program's end is watched too.
    """

    def __init__(self, service: IService) -> None:
        """
        @param service: what may leak.
        """
        MultiService.__init__(self)
        self.guard = LeakGuard(sockets=False)
        service.setServiceParent(self)

    def privilegedStartService(self) -> None:
        self.guard.start()
        MultiService.privilegedStartService(self)

    def startService(self) -> None:
        self.guard.start()
        MultiService.startService(self)
