# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p testnet}: a private Tor network for a command, or until Ctrl-C (design §7).
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from glob import glob
from itertools import chain
from typing import Any

import click
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from onionp2p.cli.running import CANCELLED, run
from onionp2p.cli.steps import showSteps
from onionp2p.local.folders import runtimeFolders
from onionp2p.testing.network import FOLDER_PREFIX, STATUS_FILE, PrivateNetwork

__all__ = ["testnet"]

_NOT_FOUND = 127
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.group()
def testnet() -> None:
    """A private Tor network on this machine: real onion services, no Internet."""


def _networkOptions(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--authorities", type=click.IntRange(1, 9), default=1, show_default=True),
        click.option("--relays", type=click.IntRange(0, 50), default=5, show_default=True),
        click.option(
            "--interval",
            type=click.IntRange(10, 3600),
            default=20,
            show_default=True,
            help="Seconds from one consensus to the next.",
        ),
        click.option(
            "--folder",
            type=click.Path(exists=True, file_okay=False, resolve_path=True),
            help="Where the network's own folder is made, for as long as it is up.",
        ),
        click.option(
            "--client",
            is_flag=True,
            help="Add a tor with SOCKS and control ports, for programs that are not Twisted's.",
        ),
        click.option(
            "--logs",
            type=click.Path(exists=True, file_okay=False, resolve_path=True),
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
    "run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@_networkOptions
@click.argument("command", nargs=-1, required=True)
def runCommand(command: tuple[str, ...], **options: Any) -> None:
    r"""Run COMMAND in a private Tor network, and end with its status.

    \b
    onionp2p testnet run -- pytest tests
    """
    program = shutil.which(command[0])
    if program is None:
        click.echo(f"onionp2p testnet run: {command[0]}: there is no such command", err=True)
        sys.exit(_NOT_FOUND)

    async def main(reactor: Any) -> int:
        network = await _start(reactor, options)
        status = 1
        try:
            status = await _runIn(reactor, network, program, command)
        finally:
            await network.stop(keepLogs=options["logs"] if status else None)
        return status

    run(main)


@testnet.command("up")
@_networkOptions
def up(**options: Any) -> None:
    """Keep a private Tor network up until Ctrl-C; print what to export."""

    async def main(reactor: Any) -> int:
        network = await _start(reactor, options)
        try:
            for name, value in network.environment.items():
                click.echo(f"export {name}={shlex.quote(value)}")
            await Deferred()
        except CANCELLED:
            return 0
        finally:
            await network.stop()
        return 0

    run(main)


@testnet.command("status")
@click.option("--folder", type=click.Path(exists=True, file_okay=False), help="Look in it too.")
@click.option("--json", "asJSON", is_flag=True, help="Print one JSON object a line.")
def status(folder: str | None, asJSON: bool) -> None:
    """List the private networks that are up; exit with 1 if there is none."""
    networks = list(_runningNetworks(folder))
    for network in networks:
        if asJSON:
            click.echo(json.dumps(network))
        else:
            alive = sum(_isAlive(pid) for pid in network["nodes"])
            click.echo(
                f"{network['folder']}: {alive} of {len(network['nodes'])} nodes,"
                f" owned by process {network['pid']}"
            )
    if not networks:
        click.echo("no private Tor network is up", err=True)
        sys.exit(1)


def _runningNetworks(folder: str | None) -> Iterator[dict[str, Any]]:
    parents = dict.fromkeys([*runtimeFolders(), *([folder] if folder else [])])
    for path in sorted(chain.from_iterable(glob(f"{p}/{FOLDER_PREFIX}*") for p in parents)):
        try:
            with open(os.path.join(path, STATUS_FILE)) as file:
                network = json.load(file)
        except (OSError, ValueError):  # not up yet, or another user's
            continue
        if _isAlive(network["pid"]):
            yield network


def _isAlive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
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


class _Command(ProcessProtocol):
    """
    A command that has our terminal.

    @ivar ended: fires with its exit status.
    """

    def __init__(self) -> None:
        self.ended: Deferred[int] = Deferred()

    def processEnded(self, reason: Failure) -> None:
        status = reason.value
        if isinstance(status, ProcessTerminated) and status.signal is not None:
            self.ended.callback(128 + status.signal)
        else:
            self.ended.callback(getattr(status, "exitCode", 0) or 0)


async def _runIn(
    reactor: Any, network: PrivateNetwork, program: str, command: tuple[str, ...]
) -> int:
    protocol = _Command()
    process = reactor.spawnProcess(
        protocol,
        program,
        command,
        env={**os.environ, **network.environment},
        childFDs={0: 0, 1: 1, 2: 2},
    )

    def forward(number: int, _: object) -> None:
        # The terminal's own Ctrl-C has reached the command already.
        if number != signal.SIGINT or not _hasTerminal():
            with suppress(ProcessExitedAlready):
                process.signalProcess(signal.Signals(number).name.removeprefix("SIG"))

    for number in _FORWARDED:
        signal.signal(number, forward)
    return await protocol.ended


def _hasTerminal() -> bool:
    """
    Whether Ctrl-C on the terminal reaches the command without us.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
