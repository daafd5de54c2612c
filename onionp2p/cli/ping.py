# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p ping}: like ping(8), for whatever runs C{twistd onionp2p ping} (design §7).
"""

from __future__ import annotations

import itertools
from typing import Any

import click
from twisted.internet.endpoints import clientFromString, connectProtocol, quoteStringArgument
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.task import deferLater

from onionp2p.cli.pingreport import JSONReport, Report, TextReport
from onionp2p.cli.running import CANCELLED, run
from onionp2p.cli.seconds import Seconds
from onionp2p.clientkeys import readInvitation
from onionp2p.endpoints import OnionClientEndpoint
from onionp2p.errors import OnionError
from onionp2p.options import DialOptions
from onionp2p.ping.initiator import TIMEOUT, PingInitiator
from onionp2p.ping.naming import addressText
from onionp2p.ping.results import Ok

__all__ = ["clientEndpoint", "ping", "pingPeer"]

# What a dial or a ping may fail with; all else is a bug.
_FAILURES = (OnionError, ConnectError, ConnectionClosed, OSError)


def clientEndpoint(reactor: Any, address: str) -> IStreamClientEndpoint:
    """
    Make the endpoint that leads to C{address}, without any I/O.

    @param address: an onion's in any spelling (C{X.onion:7777},
        C{/onion3/X:7777}), or the string of any client endpoint.

    @raise ValueError: says what is wrong with it.
    """
    isOnion = address.startswith("/") or address.partition(":")[0].lower().endswith(".onion")
    description = f"onionp2p:dial:addr={quoteStringArgument(address)}" if isOnion else address
    endpoint: IStreamClientEndpoint = clientFromString(reactor, description)
    return endpoint


class _Peer:
    """
    The peer, to whom the connection is made anew after it was lost.
    """

    def __init__(
        self, reactor: IReactorTime, endpoint: IStreamClientEndpoint, timeout: float
    ) -> None:
        self._reactor = reactor
        self._endpoint = endpoint
        self._timeout = timeout
        self._initiator: PingInitiator | None = None

    @property
    def address(self) -> str:
        """
        Whom we are, or were last, connected to.
        """
        assert self._initiator is not None
        return addressText(self._initiator.peer)

    async def connect(self) -> PingInitiator:
        """
        Give the connection, made anew if there is none.
        """
        if self._initiator is None or self._initiator.ended:
            initiator = PingInitiator(self._reactor, timeout=self._timeout)
            self._initiator = await connectProtocol(self._endpoint, initiator)
        return self._initiator

    async def ping(self) -> Ok:
        """
        Ping once.
        """
        return await (await self.connect()).ping()

    async def disconnect(self) -> None:
        """
        Close the connection, if there is one.
        """
        if self._initiator is not None:
            await self._initiator.close()


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
    peer = _Peer(reactor, endpoint, timeout)
    try:
        try:
            await peer.connect()
        except _FAILURES as error:
            report.unreachable(error)
            return 1
        for number in itertools.count(1):
            try:
                result = await peer.ping()
                report.reply(peer.address, result)
            except _FAILURES as error:
                report.failure(error)
            if number == count:
                break
            await deferLater(reactor, interval)
    except CANCELLED:
        pass
    finally:
        await peer.disconnect()
    report.end()
    return 0 if report.received else 1


@click.command()
@click.argument("address", required=False)
@click.option(
    "--invitation",
    metavar="FILE",
    help="Take address and key from an invitation: a file, or - for standard input.",
)
@click.option(
    "-c",
    "count",
    type=click.IntRange(min=1),
    metavar="N",
    help="Stop after N pings; without it, at Ctrl-C.",
)
@click.option(
    "-i",
    "interval",
    type=Seconds(min=0),
    default=1.0,
    show_default=True,
    metavar="S",
    help="Seconds from a result to the next ping.",
)
@click.option(
    "--timeout",
    type=Seconds(min=0, min_open=True),
    default=TIMEOUT,
    show_default=True,
    metavar="S",
    help="Seconds that a reply may take.",
)
@click.option("--json", "asJSON", is_flag=True, help="Print one JSON object a line.")
def ping(
    *,
    address: str | None,
    invitation: str | None,
    count: int | None,
    interval: float,
    timeout: float,
    asJSON: bool,
) -> None:
    """Ping ADDRESS, and sum up the round trips at the end.

    ADDRESS is an onion's, X.onion:PORT or /onion3/X:PORT, or any client endpoint
    string of Twisted. Exits with 0 if any reply came, else with 1.
    """
    if (address is None) == (invitation is None):
        raise click.UsageError("Give an ADDRESS, or an --invitation, which holds one.")
    invited = None if invitation is None else readInvitation(invitation)

    async def main(reactor: Any) -> int:
        endpoint: IStreamClientEndpoint
        if invited is None:
            endpoint = clientEndpoint(reactor, address or "")
        else:
            whom, key = invited
            endpoint = OnionClientEndpoint(reactor, DialOptions(whom, auth=key))
        report = JSONReport() if asJSON else TextReport()
        return await pingPeer(
            reactor, endpoint, report, count=count, interval=interval, timeout=timeout
        )

    run(main)
