# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Many streams at once: what they take and what they give back, in a contender's process.
"""

from __future__ import annotations

import gc
import resource
import statistics
import tracemalloc
from itertools import pairwise
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import deferLater

from measuring.contenders import Contender
from measuring.gauges import Meter, descriptors, privateMemory
from measuring.protocols import RoundTrips

__all__ = ["grow"]

_WARMING_UP = 20
_TIMES = 3
_LATER, _FEWEST_DROPPED = 1000.0, 60


async def grow(contender: Contender, *, streams: int, traced: bool) -> dict[str, Any]:
    """
    Dial so many times at once, exchange a message on each stream, then close all.

    @param traced: memory is what Python has allocated (tracemalloc), which makes it all slower;
        else it is what the process has for itself (/proc).

    @return: C{seconds} until the last echo, C{failed} streams, C{memory} and C{descriptors} per
        open stream, C{memory left} and C{descriptors left} when all are closed (bytes in all,
        descriptors in all).
    """
    _allowDescriptors()
    # What is imported and made once is no stream's; nor is the room that containers and free lists
    # keep once they have grown, which counts as memory left.  But pages that are kept would hide
    # what the next streams take.
    await _close(await _open(contender, _WARMING_UP))
    if traced:
        tracemalloc.start()
        await _close(await _open(contender, streams))
    before = await _memory(contender, traced), descriptors()
    meter = Meter()
    opened = await _open(contender, streams)
    seconds = meter.clock
    during = await _memory(contender, traced), descriptors()
    failed = streams - len(opened)
    await _close(opened)
    del opened
    rests = [before[0], await _memory(contender, traced)]
    # A leak comes each time.  The reactor's sets, whose size depends on what was in them before,
    # grow or shrink at one of them.
    while traced and len(rests) <= _TIMES:
        await _close(await _open(contender, streams))
        rests.append(await _memory(contender, traced))
    tracemalloc.stop()
    return {
        "seconds": seconds,
        "failed": failed,
        "memory": (during[0] - before[0]) / streams,
        "descriptors": (during[1] - before[1]) / streams,
        "memory left": statistics.median(later - earlier for earlier, later in pairwise(rests)),
        "descriptors left": descriptors() - before[1],
    }


async def _open(contender: Contender, streams: int) -> list[RoundTrips]:
    """
    Give the streams that have worked.
    """

    async def one() -> RoundTrips:
        protocol = await contender.dial(RoundTrips(1))
        protocol.begin()
        await protocol.done
        # Measuring is not what the stream is for.
        protocol.arrivals.clear()
        return protocol

    opening = DeferredList(
        [Deferred.fromCoroutine(one()) for _ in range(streams)], consumeErrors=True
    )
    return [protocol for worked, protocol in await opening if worked]


async def _close(protocols: list[RoundTrips]) -> None:
    for protocol in protocols:
        protocol.transport.loseConnection()
    for protocol in protocols:
        await protocol.closed
    protocols.clear()


async def _memory(contender: Contender, traced: bool) -> int:
    await _forgetCancelledCalls(contender.reactor)
    if not traced:
        return privateMemory()
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def _forgetCancelledCalls(reactor: Any) -> None:
    """
    Have the reactor drop the time-outs that were cancelled.  It does so when they are more than
    those that were not.
    """
    calls = [
        reactor.callLater(_LATER, _nothing)
        for _ in range(len(reactor.getDelayedCalls()) + _FEWEST_DROPPED)
    ]
    await deferLater(reactor, 0)
    for call in calls:
        call.cancel()
    await deferLater(reactor, 0)


def _nothing() -> None:
    """
    It is cancelled before.
    """


def _allowDescriptors() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
