# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The C{onionp2p} command.

Each command is a module here, imported when it is called for, that holds a
L{click.Command} of the same name.  What it raises reaches the user as one
sentence on standard error and exit status 1 (L{onionp2p.cli.failures}); with
C{--debug}, as a traceback.
"""

from __future__ import annotations

import platform
import sys
from functools import partial
from importlib import import_module, metadata
from typing import Any

import click
from click.shell_completion import CompletionItem

from onionp2p.cli import failures
from onionp2p.cli.explained import Group
from onionp2p.cli.terminal import colour

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "client": "Who may enter an onion: keys, invitations, and the list of clients.",
    "completion": "Let the shell complete commands, options and files.",
    "demo": "The whole story on one screen: private network, listener, dialer.",
    "doctor": "What is wrong on this machine, and what to do about it.",
    "key": "Identities: made, shown, encrypted, and taken from and to tor's own forms.",
    "ping": "Ping a peer, as ping(8) does.",
    "publish": "An onion that leads to a program on this machine.",
    "reach": "A local socket that leads to an onion.",
    "status": "Tell from a status file whether all is well.",
    "testnet": "A private Tor network on this machine.",
}
"""What there is, and what it says in the list of commands."""


class CommandGroup(Group):
    """
    Imports a command when it is run, and turns its errors into sentences.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"onionp2p.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """
        List the commands without importing them.
        """
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """
        Complete their names likewise.
        """
        if not incomplete.startswith("-"):
            items = sorted(COMMANDS.items())
            return [
                CompletionItem(name, help=said)
                for name, said in items
                if name.startswith(incomplete)
            ]
        return super().shell_complete(ctx, incomplete)

    def main(self, *arguments: Any, standalone_mode: bool = True, **keywords: Any) -> Any:
        """
        Run a command as L{click.Command.main} does, and exit with its status
        (L{onionp2p.cli.exitcodes}).
        """
        command = partial(super().main, *arguments, standalone_mode=False, **keywords)
        if not standalone_mode:
            return command()
        sys.exit(failures.run(command))

    def make_context(self, *arguments: Any, **keywords: Any) -> click.Context:
        with failures.endingWithItsReader():  # of the help, for example
            return super().make_context(*arguments, **keywords)

    def invoke(self, ctx: click.Context) -> object:
        with failures.reported(ctx):  # a command that can't be imported, for example
            return super().invoke(ctx)


def _printVersion(ctx: click.Context, option: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    versions = [f"{name} {metadata.version(name)}" for name in ("onionp2p", "Twisted")]
    click.echo(", ".join([*versions, f"Python {platform.python_version()}"]))
    ctx.exit()


@click.group(
    cls=CommandGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    examples=[
        "onionp2p demo",
        "onionp2p publish tcp:127.0.0.1:8080 --port 80 --key web.key",
        "onionp2p ping X.onion:7777 -c 5",
    ],
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_printVersion,
    help="Show the versions and exit.",
)
@click.option("--debug", is_flag=True, help="Show the log, and tracebacks of errors.")
@click.pass_context
def main(ctx: click.Context, *, debug: bool) -> None:
    """Peer to peer over Tor onion services.

    Errors are one sentence; --debug, before a command or behind it, shows all.
    NO_COLOR in the environment keeps colours away.
    """
    ctx.color = colour()
