# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What is measured on a contender's connections, in its own process.

Each coroutine takes the contender and returns what goes to the planning process as JSON.
"""

from __future__ import annotations

import statistics
import time
from itertools import pairwise

from twisted.internet.defer import Deferred, DeferredList

from measuring.contenders import Contender
from measuring.gauges import Meter
from measuring.protocols import Download, Idle, Listener, Measured, RoundTrips, Upload

__all__ = ["connects", "medianOfTrips", "messages", "stalls", "transfer", "visit"]

_WARMING_UP = 20
_GIB = 2.0**30
_MILLISECOND, _MICROSECOND = 1e-3, 1e-6


async def _close(protocol: Measured) -> None:
    protocol.transport.loseConnection()
    await protocol.closed


async def transfer(contender: Contender, *, size: int, token: str = "") -> dict[str, float]:
    """
    Send so many bytes, then receive as many on another connection.

    @param token: by whose circuits, if there is a choice; none for one's own.

    @return: seconds of CPU and of the clock, per GiB, in each direction.
    """
    result = {}
    if token:
        contender.share(token)
    for name, protocol in (("sent", Upload(size)), ("received", Download(size))):
        await contender.dial(protocol)
        meter = Meter()
        protocol.begin()
        await protocol.done
        result[f"cpu {name}"] = meter.cpu * _GIB / size
        result[f"clock {name}"] = meter.clock * _GIB / size
        await _close(protocol)
    return result


async def connects(contender: Contender, *, count: int) -> dict[str, float]:
    """
    Connect one after the other, then close one after the other.

    @return: microseconds of CPU and of the clock per connect, of CPU per close.
    """
    for _ in range(_WARMING_UP):
        await _close(await contender.dial(Idle()))
    meter = Meter()
    protocols = [await contender.dial(Idle()) for _ in range(count)]
    connecting = meter.cpu, meter.clock
    meter = Meter()
    for protocol in protocols:
        await _close(protocol)
    return {
        "cpu per connect": connecting[0] / count / _MICROSECOND,
        "clock per connect": connecting[1] / count / _MICROSECOND,
        "cpu per close": meter.cpu / count / _MICROSECOND,
    }


async def messages(contender: Contender, *, count: int) -> dict[str, float]:
    """
    Send a message and wait for its echo, so many times.

    @return: microseconds of CPU and of the clock per message.
    """
    warmingUp = await contender.dial(RoundTrips(_WARMING_UP))
    warmingUp.begin()
    await warmingUp.done
    await _close(warmingUp)
    trips = await contender.dial(RoundTrips(count))
    meter = Meter()
    trips.begin()
    await trips.done
    result = {
        "cpu per message": meter.cpu / count / _MICROSECOND,
        "clock per message": meter.clock / count / _MICROSECOND,
    }
    await _close(trips)
    return result


async def stalls(
    contender: Contender, *, ports: list[int], dials: int, atOnce: int, deadline: float
) -> dict[str, int]:
    """
    Dial a server that speaks first.

    @param ports: which are dialled in turn.
    @param atOnce: how many dials at a time.
    @param deadline: seconds in which the server's first words must have come.

    @return: how many C{stalled}, and how many C{failed} to connect at all.
    """
    result = {"stalled": 0, "failed": 0}
    for first in range(0, dials, atOnce):
        group = [Listener() for _ in range(first, min(first + atOnce, dials))]
        dialing = [
            Deferred.fromCoroutine(contender.dial(protocol, port=ports[number % len(ports)]))
            for number, protocol in enumerate(group, first)
        ]
        await DeferredList(dialing, consumeErrors=True)
        group = [protocol for protocol in group if protocol.transport is not None]
        result["failed"] += len(dialing) - len(group)
        words = DeferredList([protocol.done for protocol in group], consumeErrors=True)
        # A list that is cancelled cancels what it waits for, and then tells of that.
        words.addTimeout(deadline, contender.reactor)
        result["stalled"] += sum(not came for came, _ in await words)
        for protocol in group:
            protocol.transport.abortConnection()
        await DeferredList([protocol.closed for protocol in group])
    return result


async def visit(contender: Contender, *, trips: int) -> dict[str, float]:
    """
    Dial by fresh circuits, dial again by the same, and exchange messages.

    @return: milliseconds of the C{cold} and the C{warm} dial, and of the median C{trip}.
    """
    result = {}
    began = time.perf_counter()
    first = await contender.dial(Idle(), fresh=True)
    result["cold"] = (time.perf_counter() - began) / _MILLISECOND
    began = time.perf_counter()
    warm = await contender.dial(RoundTrips(trips))
    result["warm"] = (time.perf_counter() - began) / _MILLISECOND
    warm.begin()
    await warm.done
    result["trip"] = medianOfTrips(warm.arrivals)
    await _close(first)
    await _close(warm)
    return result


def medianOfTrips(arrivals: list[float]) -> float:
    """
    Give the median in milliseconds.

    @param arrivals: when the first message was sent, and when each has come back.
    """
    trips = [after - before for before, after in pairwise(arrivals)]
    return statistics.median(trips) / _MILLISECOND
