# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The options by which a command says which tor to use: those of endpoint strings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

__all__ = ["given", "withTorOptions"]

_OPTIONS = {
    "control": ("PORT|PATH", "Use a running tor by its control port or socket."),
    "torrc": ("FILE", "Lines for the tor that is launched: bridges, for example."),
    "state": ("DIR", "Where that tor keeps its guards from one start to the next."),
    "tor": ("PATH", "The tor program."),
}


def withTorOptions(command: Callable[..., Any]) -> Callable[..., Any]:
    """
    Add the options to a command.
    """
    for name, (takes, tells) in reversed(_OPTIONS.items()):
        command = click.option(f"--{name}", metavar=takes, help=tells)(command)
    return command


def given(**options: object) -> dict[str, Any]:
    """
    Leave out those that are not given, as the parsers of endpoint strings expect it.
    """
    return {name: value for name, value in options.items() if value is not None}
