# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The loop of C{onionp2p ping}: one ping after another, with whomever, and what is reported of each.
"""

from __future__ import annotations

import itertools
from typing import Protocol

from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from onionp2p.cli.pingreport import Report
from onionp2p.cli.steps import showBootstrap
from onionp2p.errors import OnionError
from onionp2p.events import observe
from onionp2p.ping.errors import PingUnsupported
from onionp2p.ping.results import Ok
from onionp2p.waiting.cancelling import CANCELLED

__all__ = ["Peer", "pingPeer"]

# What a dial or a ping may fail with; all else is a bug.
_FAILURES = (OnionError, ConnectError, ConnectionClosed, OSError)


class Peer(Protocol):
    """
    Somebody who is pinged.

    @cvar hint: what to try if there never is an answer, behind the reason.
    """

    hint: str

    @property
    def address(self) -> str:
        """
        Whom we are, or were last, connected to.
        """

    async def connect(self) -> object:
        """
        Connect, if we are not connected.
        """

    async def ping(self) -> Ok:
        """
        Ping once, connecting before where we are not connected.
        """

    async def disconnect(self) -> None:
        """
        Close the connection, if there is one.
        """


async def pingPeer(
    reactor: IReactorTime,
    peer: Peer,
    report: Report,
    *,
    count: int | None = None,
    interval: float = 1.0,
) -> int:
    """
    Ping until C{count} pings have a result, or until cancelled.

    A peer that can't be reached at first is the end of it; one that is lost later is dialled again
    for the next ping, and one that speaks no ping is not asked again.

    @param interval: seconds from a result to the next ping.

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


async def _connect(peer: Peer) -> None:
    """
    Connect, and show on a terminal what is waited for: at a cold start of tor, that takes a while.
    """
    with showBootstrap(afterwards="looking for the onion", onlyOnTerminals=True) as follow:
        stopShowing = observe(follow)
        try:
            await peer.connect()
        finally:
            stopShowing()
