# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p publish}: an onion that leads to a local program.
"""

from __future__ import annotations

from typing import Any

import click
from twisted.internet.defer import Deferred

from onionp2p import forwarding
from onionp2p.cli.explained import Command
from onionp2p.cli.jsonlines import printEvent, printObject
from onionp2p.cli.parameters import (
    FILE,
    checkedBy,
    given,
    jsonOption,
    qrOption,
    readingOptions,
    withTorOptions,
)
from onionp2p.cli.qr import qrCode
from onionp2p.cli.running import run
from onionp2p.cli.steps import showBootstrap
from onionp2p.forwarding import Place, parseTarget
from onionp2p.options import parseListen
from onionp2p.waiting.cancelling import CANCELLED

__all__ = ["publish"]


@click.command(
    cls=Command,
    examples=[
        "onionp2p publish unix:/run/app.sock --port 4001 --key app.key",
        "onionp2p publish tcp:127.0.0.1:8080 --port 80 --qr",
    ],
)
@click.argument("target", callback=checkedBy(parseTarget))
@click.option("--port", required=True, metavar="N", help="The onion's port, that dialers name.")
@click.option(
    "--key",
    type=FILE,
    metavar="PATH",
    help="Its identity, made at first use. Without it the address is new each time.",
)
@click.option(
    "--clients", type=FILE, metavar="PATH", help="Let in only these: see `onionp2p client`."
)
@click.option(
    "--wait",
    type=click.Choice(["address", "published", "reachable"]),
    help="When to print the address: at once; when others can look it up (the default); when we"
    " have reached it ourselves.",
)
@click.option("--timeout", metavar="S", help="Seconds until then; 300 by default.")
@qrOption("Show X.onion:PORT as a QR code, too.")
@jsonOption
@withTorOptions
def publish(*, target: Place, qr: bool, asJSON: bool, **options: Any) -> None:
    """Make an onion that leads to a program on this machine, until Ctrl-C.

    TARGET is where the program listens: unix:/path, tcp:127.0.0.1:N or
    tcp:[::1]:N. Tor delivers straight to it. Prints `listening on /onion3/…:N`.

    \b
    With --json, each event is an object, and this is the one to wait for:
      {"event": "ready", "address": "/onion3/…:80"}
    """  # noqa: D301 - click wants the control character
    if qr and asJSON:
        raise click.UsageError("give one of --qr and --json")
    with readingOptions():
        listen = parseListen(["listen"], given(**options))
    if qr:
        qrCode("X" * 56 + ".onion:65535")  # while nothing is there yet, see that it can be shown

    async def main(reactor: Any) -> int:
        if asJSON:
            port = await forwarding.publish(reactor, target, listen, printEvent)
        else:
            with showBootstrap(afterwards="publishing the onion") as follow:
                port = await forwarding.publish(reactor, target, listen, follow)
        try:
            address = port.getHost()
            if asJSON:
                printObject(event="ready", address=str(address))
            else:
                click.echo(f"listening on {address}")
            if qr:
                click.echo(qrCode(f"{address.hostname}:{address.port}"))
            await Deferred()
        except CANCELLED:
            return 0
        finally:
            await port.stopListening()
        return 0

    run(main)
