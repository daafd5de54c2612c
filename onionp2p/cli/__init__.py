# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The C{onionp2p} command (design §7).

Each command is a module here, imported when it is called for, that holds a
L{click.Command} of the same name.  What it raises reaches the user as one
sentence on standard error and exit status 1; with C{--debug}, as a traceback.
As everywhere with click, a wrong use of the command line exits with 2.
"""

from __future__ import annotations

import platform
from importlib import import_module, metadata

import click

__all__ = ["COMMANDS", "main", "sentence"]

COMMANDS = {
    "client": "Who may enter an onion: keys, invitations, and the list of clients.",
    "demo": "The whole story on one screen: private network, listener, dialer.",
    "key": "Identities: made, shown, encrypted, and taken from and to tor's own forms.",
    "ping": "Ping a peer, as ping(8) does.",
    "publish": "An onion that leads to a program on this machine.",
    "reach": "A local socket that leads to an onion.",
    "status": "Tell from a status file whether all is well.",
    "testnet": "A private Tor network on this machine.",
}
"""What there is, and what it says in the list of commands."""


def sentence(error: BaseException) -> str:
    """
    Say on one line what C{error} says.
    """
    return " ".join(str(error).split()) or type(error).__name__


class CommandGroup(click.Group):
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

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise  # click knows what to do with them
        except Exception as error:
            if ctx.params["debug"]:
                raise
            raise click.ClickException(sentence(error)) from error


def _printVersion(ctx: click.Context, option: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    versions = [f"{name} {metadata.version(name)}" for name in ("onionp2p", "Twisted")]
    click.echo(", ".join([*versions, f"Python {platform.python_version()}"]))
    ctx.exit()


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_printVersion,
    help="Show the versions and exit.",
)
@click.option("--debug", is_flag=True, help="Show the log, and tracebacks of errors.")
def main(*, debug: bool) -> None:
    """Peer to peer over Tor onion services."""
