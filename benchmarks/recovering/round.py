# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
One recovery: a service's tor is killed, and the times are taken.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from onionp2p.events import Event, Progress, observe
from onionp2p.waiting.outcome import Outcome
from recovering.services import Service
from recovering.stranger import Stranger

__all__ = ["recover"]

_SECONDS = 120.0


async def recover(reactor: Any, service: Service, stranger: Stranger) -> dict[str, float]:
    """
    Kill a service's tor, and wait until a stranger gets through to the service again.

    @return: seconds from the kill until a new tor C{answers}, is C{bootstrapped}, has had its
        descriptor C{uploaded} to a first directory, and the service is C{dialled}.

    @raise FirstError: if it does not come back within two minutes.
    """
    times: dict[str, float] = {}
    began = time.perf_counter()

    def mark(step: str) -> None:
        times.setdefault(step, time.perf_counter() - began)

    def note(event: Event) -> None:
        # Nobody else's tor begins anew at this time.
        if isinstance(event, Progress):
            mark("answers")
            if event.percent == 100:
                mark("bootstrapped")

    forget = observe(note)
    try:
        os.kill(service.pid, signal.SIGKILL)
        began = time.perf_counter()
        uploaded = Deferred.fromCoroutine(_uploaded(service, mark))
        uploaded.addTimeout(_SECONDS, reactor)
        dialled = Deferred.fromCoroutine(stranger.reach(service.address))
        dialled.addCallback(lambda _: mark("dialled"))
        await gatherResults([uploaded, dialled], consumeErrors=True)
    finally:
        forget()
    return times


async def _uploaded(service: Service, mark: Callable[[str], None]) -> None:
    """
    Follow the service's next tor until the onion is at a directory.
    """
    await service.comeBack()
    uploaded: Outcome[None] = Outcome()

    def note(text: str) -> None:
        action, label, *_ = text.split()
        if (action, label) == ("UPLOADED", service.address.label):
            mark("uploaded")
            uploaded.succeed(None)

    forget = service.control.observe("HS_DESC", note)
    try:
        await uploaded.wait()
    finally:
        forget()
