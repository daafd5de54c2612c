# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p publish}: an onion that leads to a local program (design §7).
"""

from __future__ import annotations

from typing import Any

import click
from twisted.internet.defer import Deferred

from onionp2p import forwarding
from onionp2p.cli.checked import checkedBy
from onionp2p.cli.running import CANCELLED, run
from onionp2p.cli.steps import showBootstrap
from onionp2p.cli.torchoice import given, withTorOptions
from onionp2p.forwarding import Place, parseTarget
from onionp2p.options import parseListen

__all__ = ["publish"]


@click.command()
@click.argument("target", callback=checkedBy(parseTarget))
@click.option("--port", required=True, metavar="N", help="The onion's port, that dialers name.")
@click.option(
    "--key",
    metavar="PATH",
    help="Its identity, made at first use. Without it the address is new each time.",
)
@click.option("--clients", metavar="PATH", help="Let in only these: see `onionp2p client`.")
@click.option(
    "--wait",
    type=click.Choice(["address", "published", "reachable"]),
    help="When to print the address: at once; when others can look it up (the default); when we"
    " have reached it ourselves.",
)
@click.option("--timeout", metavar="S", help="Seconds until then; 300 by default.")
@withTorOptions
def publish(*, target: Place, **options: Any) -> None:
    """Make an onion that leads to a program on this machine, until Ctrl-C.

    \b
    onionp2p publish unix:/run/app.sock --port 4001 --key app.key
    onionp2p publish tcp:127.0.0.1:8080 --port 80

    TARGET is where the program listens: unix:/path, tcp:127.0.0.1:N or
    tcp:[::1]:N. Tor delivers straight to it. Prints `listening on /onion3/…:N`.
    """  # noqa: D301 - click wants the control character
    try:
        listen = parseListen(["listen"], given(**options))
    except ValueError as problem:
        raise click.UsageError(str(problem).partition(": ")[2]) from None

    async def main(reactor: Any) -> int:
        with showBootstrap() as follow:
            port = await forwarding.publish(reactor, target, listen, follow)
        try:
            click.echo(f"listening on {port.getHost()}")
            await Deferred()
        except CANCELLED:
            return 0
        finally:
            await port.stopListening()
        return 0

    run(main)
