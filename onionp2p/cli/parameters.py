# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Kinds of arguments and options that several commands take.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

__all__ = [
    "FILE",
    "Seconds",
    "asTyped",
    "checkedBy",
    "given",
    "jsonOption",
    "qrOption",
    "readingOptions",
    "withTorOptions",
]

FILE = click.Path(readable=False)
"""The path of a file, which need not exist: shells complete it, and who uses it looks after it."""

_WRITTEN = re.compile(r"(?<![\w/.=-])([a-z]+)=(?=(\w?))")
_TOR_OPTIONS = {
    "control": ("PORT|PATH", "Use a running tor by its control port or socket."),
    "torrc": ("FILE", "Lines for the tor that is launched: bridges, for example."),
    "state": ("DIR", "Where that tor keeps its guards from one start to the next."),
    "tor": ("PATH", "The tor program."),
}

jsonOption = click.option("--json", "asJSON", is_flag=True, help="Print JSON, one object a line.")


def qrOption(help: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """
    Make the option that asks for a QR code.
    """
    return click.option("--qr", is_flag=True, help=help)


class Seconds(click.FloatRange):
    """
    A number of seconds, which C{nan} and C{inf} are not.
    """

    name = "number of seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a number of seconds", param, ctx)
        return number


def checkedBy(read: Callable[[str], Any]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """
    Give the C{callback} of a parameter that is what C{read} makes of its text.

    @param read: raises L{ValueError}, for the user to read beside the parameter's name.
    """

    def callback(ctx: click.Context, parameter: click.Parameter, text: str | None) -> Any:
        if text is None:  # an option that is not given
            return None
        try:
            return read(text)
        except ValueError as problem:
            raise click.BadParameter(str(problem), ctx, parameter) from None

    return callback


def asTyped(text: str, command: click.Command) -> str:
    """
    Have a text that speaks of options as endpoint strings have them, C{port=N}, speak of those of a
    command, C{--port N}.
    """
    names = {each.name for each in command.params if isinstance(each, click.Option)}

    def typed(found: re.Match[str]) -> str:
        return f"--{found[1]}{found[2] and ' '}" if found[1] in names else found[0]

    return _WRITTEN.sub(typed, text)


@contextmanager
def readingOptions() -> Iterator[None]:
    """
    Report what the parsers of endpoint strings say of options as a fault of the command line.
    """
    try:
        yield
    except ValueError as problem:
        said = asTyped(str(problem).partition(": ")[2], click.get_current_context().command)
        raise click.UsageError(said) from None


def withTorOptions(command: Callable[..., Any]) -> Callable[..., Any]:
    """
    Add the options by which a command says which tor to use: those of endpoint strings.
    """
    for name, (takes, tells) in reversed(_TOR_OPTIONS.items()):
        command = click.option(f"--{name}", type=FILE, metavar=takes, help=tells)(command)
    return command


def given(**options: object) -> dict[str, Any]:
    """
    Leave out those that are not given, as the parsers of endpoint strings expect it.
    """
    return {name: value for name, value in options.items() if value is not None}
