# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p reach}: a local socket that leads to an onion.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

import click
from twisted.internet.defer import Deferred

from onionp2p import forwarding
from onionp2p.address import OnionAddress
from onionp2p.cli.explained import Command
from onionp2p.cli.jsonlines import printEvent, printObject
from onionp2p.cli.parameters import (
    FILE,
    Seconds,
    checkedBy,
    given,
    jsonOption,
    readingOptions,
    withTorOptions,
)
from onionp2p.cli.running import run
from onionp2p.cli.steps import showBootstrap
from onionp2p.clients.keys import readInvitation
from onionp2p.events import Event, observe
from onionp2p.forwarding import WARM_SECONDS, Limits, Place, Warm
from onionp2p.forwarding.descriptors import allowDescriptors
from onionp2p.options import DialOptions, parseDial
from onionp2p.waiting.cancelling import CANCELLED

__all__ = ["dialOptions", "reach"]


@click.command(
    cls=Command,
    examples=[
        "onionp2p reach X.onion:80 --at tcp:127.0.0.1:0",
        "onionp2p reach /onion3/X:4001 --at unix:/run/user/1000/peer.sock",
        "onionp2p reach --invitation alice.invitation --at tcp:127.0.0.1:8080 --json",
    ],
)
@click.argument("address", required=False, callback=checkedBy(OnionAddress.fromString))
@click.option(
    "--at",
    required=True,
    metavar="LOCAL",
    callback=checkedBy(Place.fromString),
    help="Where: unix:/path, or tcp:127.0.0.1:N, with 0 for any free port.",
)
@click.option(
    "--auth", type=FILE, metavar="FILE", help="Our key to an onion that lets in only some."
)
@click.option(
    "--invitation",
    type=FILE,
    metavar="FILE",
    help="Take address and key from an invitation: a file, or - for standard input.",
)
@click.option(
    "--warm",
    type=Seconds(min=0),
    default=WARM_SECONDS,
    show_default=True,
    metavar="S",
    help="Connect to the onion every S seconds, so that it answers at once; 0 for never, and then"
    " the socket is there whether or not the onion is.",
)
@click.option(
    "--timeout",
    type=Seconds(min=0, min_open=True),
    default=300.0,
    show_default=True,
    metavar="S",
    help="Seconds that the onion has to answer for the first time.",
)
@click.option(
    "--connections",
    type=click.IntRange(min=1),
    default=Limits.connections,
    show_default=True,
    metavar="N",
    help="How many are carried at a time.",
)
@click.option("--socks", metavar="PORT|PATH", help="Use a running tor by its SOCKS port alone.")
@jsonOption
@withTorOptions
def reach(
    *,
    address: OnionAddress | None,
    at: Place,
    auth: str | None,
    invitation: str | None,
    warm: float,
    timeout: float,
    connections: int,
    asJSON: bool,
    **tor: Any,
) -> None:
    """Make a local socket that leads to the onion at ADDRESS, until Ctrl-C.

    Prints `reachable at LOCAL` once the onion has answered. While it does not,
    the socket refuses connections.

    \b
    With --json, each event is an object, and this is the one to wait for:
      {"event": "ready", "at": "tcp:127.0.0.1:8080", "libp2p": "/ip4/…"}
    """  # noqa: D301 - click wants the control character
    options, peerID = dialOptions(address, auth, invitation, tor)

    async def main(reactor: Any) -> int:
        allowDescriptors(connections)
        with ExitStack() as told:
            if asJSON:
                told.callback(observe(printEvent))
            begin = partial(
                forwarding.reach,
                reactor,
                options,
                at,
                warm=warm or None,
                timeout=timeout,
                limits=Limits(connections, connections),
            )
            if asJSON:
                reaching = await begin()
            else:
                with showBootstrap(afterwards="looking for the onion") as follow:
                    reaching = await begin(observer=follow)
            try:
                libp2p = f"{reaching.place.multiaddr}{peerID}"
                if asJSON:
                    printObject(event="ready", at=str(reaching.place), libp2p=libp2p)
                else:
                    click.echo(f"reachable at {reaching.place}")
                    click.echo(f"for libp2p: {libp2p}", err=True)
                    told.callback(observe(_tellWhenBack))
                await Deferred()
            except CANCELLED:
                return 0
            finally:
                await reaching.stop()
        return 0

    run(main)


def dialOptions(
    address: OnionAddress | None, auth: str | None, invitation: str | None, tor: dict[str, Any]
) -> tuple[DialOptions, str]:
    """
    Give whom to dial, and the C{/p2p/<peer id>} that was given with it, which is not ours to prove.
    """
    if (address is None) == (invitation is None):
        raise click.UsageError("Give an ADDRESS, or an --invitation, which holds one.")
    key = None
    if invitation is not None:
        address, key = readInvitation(invitation)
    assert address is not None
    peerID = "" if address.peerID is None else f"/p2p/{address.peerID}"
    whom = replace(address, peerID=None)
    with readingOptions():
        options = parseDial(["dial"], given(addr=str(whom), auth=auth, **tor))
    return (options if key is None else replace(options, auth=key)), peerID


def _tellWhenBack(event: Event) -> None:
    # That it refuses connections is a warning, and so on standard error already.
    if isinstance(event, Warm):
        click.echo(f"{event} again", err=True)
