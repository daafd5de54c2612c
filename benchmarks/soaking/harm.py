# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Harming one's own tor.
"""

from __future__ import annotations

import os
import signal
from typing import Any

from twisted.internet.task import deferLater

from onionp2p.tor.lease import TorLease
from soaking.faults import Kind

__all__ = ["harm"]

_SIGNALS = {
    Kind.KILL: signal.SIGKILL,
    Kind.TERM: signal.SIGTERM,
    Kind.FREEZE: signal.SIGSTOP,
    Kind.HUP: signal.SIGHUP,
}
_SECONDS_TO_NOTICE = 0.1


async def harm(reactor: Any, lease: TorLease, kind: Kind) -> None:
    """
    Have something go wrong with our tor; where there is none at the moment, with the next one.
    """
    while True:
        tor: Any = await lease.launched()
        if kind is Kind.CONTROL:
            tor.control.protocol.transport.abortConnection()
            return
        try:
            os.kill(tor.pid, _SIGNALS[kind])
        except ProcessLookupError:  # its end is not known here yet
            await deferLater(reactor, _SECONDS_TO_NOTICE)
        else:
            return
