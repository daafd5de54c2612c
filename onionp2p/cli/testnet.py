# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p testnet}: a private Tor network for a command, or until Ctrl-C.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from glob import glob
from itertools import chain
from typing import Any

import click
from twisted.internet.defer import Deferred

from onionp2p.cli.childprocess import runCommand
from onionp2p.cli.exitcodes import ExitCode
from onionp2p.cli.explained import Group
from onionp2p.cli.jsonlines import printObject
from onionp2p.cli.parameters import jsonOption
from onionp2p.cli.running import run
from onionp2p.cli.steps import showSteps
from onionp2p.local.folders import runtimeFolders
from onionp2p.testing.network import FOLDER_PREFIX, STATUS_FILE, PrivateNetwork
from onionp2p.waiting.cancelling import CANCELLED

__all__ = ["testnet"]


@click.group(
    cls=Group,
    examples=["onionp2p testnet run -- pytest tests", "onionp2p testnet up --client"],
)
def testnet() -> None:
    """A private Tor network on this machine: real onion services, no Internet."""


_FOLDER = click.Path(exists=True, file_okay=False, resolve_path=True)


class _CommandMissing(click.ClickException):
    """
    There is no such command.
    """

    exit_code = ExitCode.NOT_FOUND


class _CommandUnfit(click.ClickException):
    """
    There is one that can't be run.
    """

    exit_code = ExitCode.UNABLE


def _networkOptions(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option(
            "--authorities",
            type=click.IntRange(1, 9),
            default=1,
            show_default=True,
            help="How many agree on the consensus.",
        ),
        click.option(
            "--relays",
            type=click.IntRange(0, 50),
            default=5,
            show_default=True,
            help="How many there are beside them.",
        ),
        click.option(
            "--interval",
            type=click.IntRange(10, 3600),
            default=20,
            show_default=True,
            help="Seconds from one consensus to the next.",
        ),
        click.option(
            "--folder",
            type=_FOLDER,
            help="Where the network's own folder is made, for as long as it is up.",
        ),
        click.option(
            "--client",
            is_flag=True,
            help="Add a tor with SOCKS and control ports, for programs that are not Twisted's.",
        ),
        click.option(
            "--logs",
            type=_FOLDER,
            help="Where the nodes' logs are copied when something fails.",
        ),
        click.option(
            "--verbosity",
            type=click.Choice(["notice", "info", "debug"]),
            default="notice",
            show_default=True,
            help="What the nodes log, in that folder.",
        ),
    ):
        command = option(command)
    return command


@testnet.command(
    "run",
    context_settings={"allow_interspersed_args": False},
    examples=[
        "onionp2p testnet run -- pytest tests",
        "onionp2p testnet run -- onionp2p doctor --reach",
    ],
)
@_networkOptions
@click.argument("command", nargs=-1, required=True)
def runInNetwork(command: tuple[str, ...], **options: Any) -> None:
    """Run COMMAND in a private Tor network, and exit with its status.

    COMMAND finds the network by the environment: every onionp2p endpoint of it
    joins. Exits with 127 where there is no such command, with 126 where it can't
    be run, and with 1 where the network does not come up.
    """
    program = shutil.which(command[0])
    if program is None:
        isThere = os.path.exists(command[0])
        why = "it can't be executed (chmod +x)" if isThere else "there is no such command"
        kind = _CommandUnfit if isThere else _CommandMissing
        raise kind(f"{click.format_filename(command[0])}: {why}")

    async def main(reactor: Any) -> int:
        network = await _start(reactor, options)
        status = 1
        try:
            status = await runCommand(reactor, program, command, network.environment)
        finally:
            await network.stop(keepLogs=options["logs"] if status else None)
        return status

    run(main)


@testnet.command(
    "up", examples=["onionp2p testnet up", "onionp2p testnet up --relays 9 --client --json"]
)
@_networkOptions
@jsonOption
def up(*, asJSON: bool, **options: Any) -> None:
    """Keep a private Tor network up until Ctrl-C; print what to export.

    With --json it is an object, on one line, as of `onionp2p testnet status`.
    """

    async def main(reactor: Any) -> int:
        network = await _start(reactor, options)
        try:
            for name, value in ({} if asJSON else network.environment).items():
                click.echo(f"export {name}={shlex.quote(value)}")
            if asJSON:
                printObject(**_described(network.folder))
            await Deferred()
        except CANCELLED:
            return 0
        finally:
            await network.stop()
        return 0

    run(main)


@testnet.command("status", examples=["onionp2p testnet status --json"])
@click.option("--folder", type=_FOLDER, help="Look in it, too.")
@jsonOption
def status(folder: str | None, *, asJSON: bool) -> None:
    """List the private networks that are up; exit with 1 if there is none.

    \b
    With --json, for each, on one line:
      {"folder": "…", "pid": 1, "nodes": [2, 3, 4, 5, 6, 7],
       "environment": {"ONIONP2P_TORRC": "…", "ONIONP2P_STATE": "…"}}
    pid is the process that owns it, and nodes are those of its tors.
    """  # noqa: D301 - click wants the control character
    networks = list(_runningNetworks(folder))
    for network in networks:
        if asJSON:
            printObject(**network)
        else:
            alive = sum(_isAlive(pid) for pid in network["nodes"])
            click.echo(
                f"{network['folder']}: {alive} of {len(network['nodes'])} nodes,"
                f" owned by process {network['pid']}"
            )
    if not networks:
        click.echo("no private Tor network is up", err=True)
        sys.exit(ExitCode.FAILED)


def _runningNetworks(folder: str | None) -> Iterator[dict[str, Any]]:
    parents = dict.fromkeys([*runtimeFolders(), *([folder] if folder else [])])
    for path in sorted(chain.from_iterable(glob(f"{p}/{FOLDER_PREFIX}*") for p in parents)):
        try:
            network = _described(path)
        except (OSError, ValueError):  # not up yet, or another user's
            continue
        if _isAlive(network["pid"]):
            yield network


def _described(folder: str) -> dict[str, Any]:
    """
    Read what a network that is up says of itself.
    """
    with open(os.path.join(folder, STATUS_FILE)) as file:
        network: dict[str, Any] = json.load(file)
    return network


def _isAlive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:  # it has gone, or its number is another user's by now
        return False
    return True


async def _start(reactor: Any, options: dict[str, Any]) -> PrivateNetwork:
    with showSteps("testnet") as step:
        try:
            network = PrivateNetwork(
                reactor,
                authorities=options["authorities"],
                relays=options["relays"],
                votingInterval=options["interval"],
                folder=options["folder"],
                verbosity=options["verbosity"],
                client=options["client"],
                logs=options["logs"],
                step=step,
            )
        except ValueError as problem:
            raise click.UsageError(str(problem)) from None
        await network.start()
    return network
