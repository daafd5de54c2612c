# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Commands that explain themselves: each takes C{--debug}, and its help ends with examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from onionp2p.cli.failures import reported

__all__ = ["Command", "Group"]


def _debug(ctx: click.Context, option: click.Parameter, wanted: bool) -> None:
    if wanted:
        ctx.find_root().params["debug"] = True


class _Explained(click.Command):
    """
    What commands and groups of commands have in common.

    @ivar examples: command lines that work as they stand, but for C{X}, which stands for the 56
        characters of an onion address, and C{KEY}, for the 52 of a public key.
    """

    def __init__(self, *arguments: Any, examples: Sequence[str] = (), **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.examples = tuple(examples)
        # People put it last, where they have seen the error.
        if not any(option.name == "debug" for option in self.params):
            option = click.Option(
                ["--debug"],
                is_flag=True,
                expose_value=False,
                callback=_debug,
                help="Show the log, and tracebacks of errors.",
            )
            self.params.append(option)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """
        Write the examples, each on a line of its own, never broken: they are there to be copied.
        """
        super().format_epilog(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"  {example}\n")


class Command(_Explained):
    """
    A command.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """
        Run it.  How it fails is told here, where it is known which options it has.
        """
        with reported(ctx):
            return super().invoke(ctx)


class Group(_Explained, click.Group):
    """
    A group of such commands.
    """

    command_class = Command
