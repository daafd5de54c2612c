# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p ping}: like ping(8), for whatever runs C{twistd onionp2p ping}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import click
from twisted.internet.endpoints import quoteStringArgument
from twisted.internet.interfaces import IStreamClientEndpoint

from onionp2p.address import OnionAddress
from onionp2p.cli.explained import Command
from onionp2p.cli.parameters import FILE, Seconds, jsonOption
from onionp2p.cli.pingloop import Peer, pingPeer
from onionp2p.cli.pingraw import RawPeer
from onionp2p.cli.pingreport import JSONReport, TextReport
from onionp2p.cli.running import run
from onionp2p.clients.keys import readInvitation
from onionp2p.clients.x25519 import ClientKey
from onionp2p.endpoints import OnionClientEndpoint
from onionp2p.options import DialOptions
from onionp2p.ping.initiator import TIMEOUT
from onionp2p.ping.target import checkUnnamed, isBareAddress, splitPeer
from onionp2p.strings import readClient

__all__ = ["clientEndpoint", "ping"]

_MakeEndpoint = Callable[[Any], IStreamClientEndpoint]


def clientEndpoint(reactor: Any, address: str) -> IStreamClientEndpoint:
    """
    Make the endpoint that leads to C{address}, without any I/O.

    @param address: an onion's in any spelling (C{X.onion:7777},
        C{/onion3/X:7777}), or the string of any client endpoint.

    @raise ValueError: says what is wrong with it.
    """
    if not isBareAddress(address):
        return readClient(reactor, address)
    OnionAddress.fromString(address)  # which says what is wrong, and nothing of an addr=
    return readClient(reactor, f"onionp2p:dial:addr={quoteStringArgument(address)}")


@click.command(
    cls=Command,
    examples=[
        "onionp2p ping X.onion:7777 -c 5",
        "onionp2p ping --invitation alice.invitation --json",
        "onionp2p ping tcp:127.0.0.1:7777 --libp2p",
    ],
)
@click.argument("address", required=False)
@click.option(
    "--invitation",
    type=FILE,
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
    "patience",  # it is not what an endpoint string has as timeout=
    type=Seconds(min=0, min_open=True),
    default=TIMEOUT,
    show_default=True,
    metavar="S",
    help="Seconds that a reply may take.",
)
@jsonOption
@click.option("--libp2p", is_flag=True, help="Speak libp2p, also where ADDRESS has no /p2p/ID.")
@click.option(
    "--identity",
    type=FILE,
    metavar="PATH",
    help="A file, made at first use: who we are to a libp2p peer. By default, somebody new.",
)
def ping(
    *,
    address: str | None,
    invitation: str | None,
    count: int | None,
    interval: float,
    patience: float,
    asJSON: bool,
    libp2p: bool,
    identity: str | None,
) -> None:
    """Ping ADDRESS, and sum up the round trips at the end.

    ADDRESS is an onion's, X.onion:PORT or /onion3/X:PORT, or any client endpoint
    string of Twisted. With /p2p/ID behind it, libp2p is spoken, and that peer
    pinged and nobody else who may answer. Exits with 0 if any reply came, else
    with 1. On a terminal, a histogram of the round trips ends it.

    \b
    With --json, a reply, a failure and the summary at the end are
      {"seq": 1, "time_ms": 14.2}
      {"seq": 2, "error": "no echo within 20 s"}
      {"sent": 2, "received": 1, "loss_percent": 50.0, "rtt_ms": {"min": …,
       "avg": …, "p50": …, "p95": …, "max": …}}
    each on one line; without a reply rtt_ms is null. A peer that can't be
    reached at first is {"error": …} without seq, and then nothing was sent.
    """  # noqa: D301 - click wants the control character
    if (address is None) == (invitation is None):
        raise click.UsageError("Give an ADDRESS, or an --invitation, which holds one.")
    if address is not None:
        with _readingAddress():
            makeEndpoint, peerID = _named(address, libp2p=libp2p)
    else:
        makeEndpoint, peerID = _invited(readInvitation(invitation or ""))
    libp2p = libp2p or peerID is not None
    if identity is not None and not libp2p:
        raise click.UsageError("--identity is for libp2p peers: say --libp2p, too.")

    async def main(reactor: Any) -> int:
        with _readingAddress():
            endpoint = makeEndpoint(reactor)
        report = JSONReport() if asJSON else TextReport()
        with ExitStack() as held:
            peer: Peer = RawPeer(reactor, endpoint, patience)
            if libp2p:
                # Who pings without it is not to pay for it.
                from onionp2p.cli.pinglibp2p import Libp2pPeer
                from onionp2p.libp2p.identityfile import holdIdentityFile

                whoWeAre, giveBack = holdIdentityFile(identity)
                held.callback(giveBack)
                peer = Libp2pPeer(reactor, endpoint, patience, whoWeAre, peerID)
            return await pingPeer(reactor, peer, report, count=count, interval=interval)

    run(main)


@contextmanager
def _readingAddress() -> Iterator[None]:
    try:
        yield
    except ValueError as problem:
        context = click.get_current_context(silent=True)
        raise click.BadParameter(str(problem), context, param_hint="ADDRESS") from None


def _named(address: str, *, libp2p: bool) -> tuple[_MakeEndpoint, str | None]:
    """
    Read an address: what makes its endpoint, and which libp2p peer must be there.
    """
    peerID = None
    if libp2p or isBareAddress(address):
        checkUnnamed(address)
        address, peerID = splitPeer(address)
    return partial(clientEndpoint, address=address), peerID


def _invited(invitation: tuple[OnionAddress, ClientKey]) -> tuple[_MakeEndpoint, str | None]:
    """
    Do so with an invitation.
    """
    whom, key = invitation
    options = DialOptions(replace(whom, peerID=None), auth=key)
    return partial(OnionClientEndpoint, options=options), whom.peerID
