# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The process with the onion service.

    python -m soaking.listener STATE WATCHDOG_SECONDS
"""

from __future__ import annotations

import sys
from typing import Any

from measuring.requests import Port
from measuring.service import ServiceFactory
from twisted.internet.task import react

from onionp2p import ListenOptions, OnionServerEndpoint, TorOptions
from onionp2p.waiting.running import whenRunning
from soaking.subject import Subject

_SECONDS_BETWEEN_PROBES = 30.0


async def main(reactor: Any, state: str, watchdogSeconds: str) -> None:
    """
    Serve, until there is nothing more to be told; tell the address first.
    """
    await whenRunning(reactor)
    tor = TorOptions(state=state)
    subject = Subject(reactor, tor, float(watchdogSeconds), {})
    options = ListenOptions(Port.ASKED, tor=tor, watch=_SECONDS_BETWEEN_PROBES)
    port: Any = await OnionServerEndpoint(reactor, options).listen(ServiceFactory())
    subject.orders.tell("ready", label=port.getHost().label)
    await subject.orders.over.wait()
    await port.stopListening()
    await subject.untilOver()


if __name__ == "__main__":
    react(main, sys.argv[1:])
