# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p ping} at work.
"""

from __future__ import annotations

import itertools

from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.task import deferLater

from onionp2p.cli.pinged import Pinged, RawPeer
from onionp2p.cli.pingreport import Report
from onionp2p.cli.steps import showBootstrap
from onionp2p.errors import OnionError
from onionp2p.events import observe
from onionp2p.ping.errors import PingUnsupported
from onionp2p.ping.initiator import TIMEOUT
from onionp2p.waiting.cancelling import CANCELLED

__all__ = ["pingPeer", "reportPings"]

# What a dial or a ping may fail with; all else is a bug.
_FAILURES = (OnionError, ConnectError, ConnectionClosed, OSError)


async def pingPeer(
    reactor: IReactorTime,
    endpoint: IStreamClientEndpoint,
    report: Report,
    *,
    count: int | None = None,
    interval: float = 1.0,
    timeout: float = TIMEOUT,
) -> int:
    """
    Ping until C{count} pings have a result, or until cancelled.

    A peer that can't be reached at first is the end of it; one that is lost
    later is dialled again for the next ping.

    @param interval: seconds from a result to the next ping.
    @param timeout: seconds that an echo may take.  A dial has its endpoint's own.

    @return: 0 if any reply came, else 1.
    """
    peer = RawPeer(reactor, endpoint, timeout)
    return await reportPings(reactor, peer, report, count=count, interval=interval)


async def reportPings(
    reactor: IReactorTime,
    peer: Pinged,
    report: Report,
    *,
    count: int | None = None,
    interval: float = 1.0,
) -> int:
    """
    Do so with any peer.  One that speaks no ping is not asked again.

    @return: 0 if any reply came, else 1.
    """
    try:
        try:
            await _connect(peer)
        except CANCELLED:  # of which an endpoint's own is a failure, too
            raise
        except _FAILURES as error:
            report.unreachable(error)
            return 1
        for number in itertools.count(1):
            try:
                result = await peer.ping()
                report.reply(peer.address, result)
            except PingUnsupported as error:
                report.failure(error)
                break
            except CANCELLED:
                raise
            except _FAILURES as error:
                report.failure(error, peer.hint if not report.received else "")
            if number == count:
                break
            await deferLater(reactor, interval)
    except CANCELLED:
        pass
    finally:
        await peer.disconnect()
    report.end()
    return 0 if report.received else 1


async def _connect(peer: Pinged) -> None:
    """
    Connect, and show on a terminal what is waited for: at a cold start of tor, that takes a while.
    """
    with showBootstrap(afterwards="looking for the onion", onlyOnTerminals=True) as follow:
        stopShowing = observe(follow)
        try:
            await peer.connect()
        finally:
            stopShowing()
