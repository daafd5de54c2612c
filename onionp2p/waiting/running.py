# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Waiting for the reactor to run.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorCore

__all__ = ["whenRunning"]


def whenRunning(reactor: IReactorCore) -> Deferred[None]:
    """
    Give a Deferred that fires once C{reactor} runs: at once, if it does.

    Stock programs call C{listen()} as root, before C{twistd} goes into the background and changes
    its user; what is opened or started then would belong to the wrong user and process.
    """
    running: Deferred[None] = Deferred()
    reactor.callWhenRunning(running.callback, None)
    return running
