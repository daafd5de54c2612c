# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p demo}: the whole story on one screen.

What a program of a user's does is in L{_tell}: two endpoint strings, a protocol on either side.
"""

from __future__ import annotations

import os
import time
from typing import Any

import click
from rich.console import Console

from onionp2p.address import OnionAddress
from onionp2p.cli.explained import Command
from onionp2p.cli.jsonlines import printObject
from onionp2p.cli.parameters import jsonOption
from onionp2p.cli.ping import clientEndpoint
from onionp2p.cli.pingloop import pingPeer
from onionp2p.cli.pingraw import RawPeer
from onionp2p.cli.pingreport import JSONReport, Report, TextReport
from onionp2p.cli.running import run
from onionp2p.cli.steps import showBootstrap, showSteps
from onionp2p.endpoints import OnionServerEndpoint
from onionp2p.listening.listen import OnionPort
from onionp2p.options import ListenOptions
from onionp2p.ping.responder import PingResponderFactory
from onionp2p.testing.network import PrivateNetwork
from onionp2p.tor.pool import shutdown

__all__ = ["demo"]

_PORT = 7777
_SECONDS_BETWEEN_PINGS = 0.2


@click.command(cls=Command, examples=["onionp2p demo", "onionp2p demo -c 20"])
@click.option(
    "-c",
    "count",
    type=click.IntRange(1, 1000),
    default=5,
    show_default=True,
    metavar="N",
    help="How many pings.",
)
@jsonOption
def demo(*, count: int, asJSON: bool) -> None:
    """A private Tor network, an onion service in it, and pings to that.

    Everything happens on this machine, and nothing is left of it. The lines are
    what came about, and when; the endpoint strings that did it; and pings.

    \b
    With --json they are
      {"seconds": 20.1, "told": "a private Tor network is up: …"}
      {"string": "onionp2p:listen:port=7777"}
      {"address": "/onion3/X:7777"}
    and pings as of `onionp2p ping --json`.
    """  # noqa: D301 - click wants the control character

    async def main(reactor: Any) -> int:
        story = _JSONStory() if asJSON else _Story()
        with showSteps("a private Tor network") as step:
            network = PrivateNetwork(reactor, step=step)
            await network.start()
        try:
            story.chapter("a private Tor network is up: 6 tors on 127.0.0.1, no Internet")
            os.environ.update(network.environment)
            return await _tell(reactor, story, count)
        finally:
            await shutdown(reactor)
            await network.stop()
            story.chapter("the onion is withdrawn, every tor has ended, no file is left")

    run(main)


class _Story:
    """
    What is told on standard output.
    """

    report: type[Report] = TextReport

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._began = time.monotonic()

    def chapter(self, text: str) -> None:
        """
        Tell what has happened, and when.
        """
        seconds = time.monotonic() - self._began
        self._console.print(f"[bold green]{seconds:5.1f} s[/]  {text}", soft_wrap=True)

    def string(self, text: str) -> None:
        """
        Tell the endpoint string that makes the next thing happen.
        """
        self._console.print("\n         " + text, style="bold", markup=False, soft_wrap=True)

    def listening(self, address: OnionAddress) -> None:
        """
        Tell where the onion is.
        """
        click.echo(f"listening on {address}")


class _JSONStory(_Story):
    """
    The same, for programs.
    """

    report = JSONReport

    def chapter(self, text: str) -> None:
        printObject(seconds=round(time.monotonic() - self._began, 1), told=text.rstrip())

    def string(self, text: str) -> None:
        printObject(string=text)

    def listening(self, address: OnionAddress) -> None:
        printObject(address=str(address))


async def _tell(reactor: Any, story: _Story, count: int) -> int:
    string = f"onionp2p:listen:port={_PORT}"
    story.string(string)
    with showBootstrap(afterwards="publishing the onion") as follow:
        endpoint = OnionServerEndpoint(reactor, ListenOptions(port=_PORT), follow)
        port = await endpoint.listen(PingResponderFactory())
        assert isinstance(port, OnionPort)
    try:
        address = port.getHost()
        story.chapter("tor is launched, an onion service made and published")
        story.listening(address)
        story.string(f"onionp2p:dial:addr={address.hostname}:{address.port}")
        peer = RawPeer(reactor, clientEndpoint(reactor, str(address)))
        report = story.report()
        status = await pingPeer(reactor, peer, report, count=count, interval=_SECONDS_BETWEEN_PINGS)
        story.chapter("reached over six hops, on circuits of its own\n")
        return status
    finally:
        await port.stopListening()
