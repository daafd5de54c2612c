# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How a command fails: one sentence on standard error that says what to do, and an exit status.
"""

from __future__ import annotations

import io
import re
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import click

from onionp2p.cli.exitcodes import ExitCode
from onionp2p.cli.parameters import asTyped
from onionp2p.cli.terminal import colour
from onionp2p.oneline import oneLine

__all__ = ["endingWithItsReader", "explain", "reported", "run", "sentence"]


def sentence(error: BaseException) -> str:
    """
    Say on one line what C{error} says, without anything that a terminal would obey.
    """
    return oneLine(str(error)) or type(error).__name__


def explain(error: BaseException) -> str:
    """
    Say what happened, and what to do.  An error that nobody has foreseen is a bug, and called one.
    """
    from onionp2p.errors.remedies import remedied

    text = remedied(error)
    if text is None:
        return (
            f"{type(error).__name__}: {sentence(error).rstrip('.')}: this is a bug in onionp2p;"
            " do the same with --debug, and report what it shows."
        )
    return oneLine(text)


def run(command: Callable[[], object]) -> int:
    """
    Run what calls a command of click's, outside of its standalone mode, and report how it fails.

    @return: the exit status.
    """
    try:
        try:
            result = command()
        except click.ClickException as error:
            with suppress(OSError):  # the status tells it all the same
                _show(error)
            return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.SIGNALLED + signal.SIGINT
    except OSError as error:  # standard output or error can't be written to
        with suppress(OSError):
            _show(click.ClickException(explain(error)))
        return ExitCode.FAILED
    return result if isinstance(result, int) else ExitCode.DONE


@contextmanager
def endingWithItsReader() -> Iterator[None]:
    """
    End silently, as by SIGPIPE, when nobody reads what is printed; click would say that it failed.
    """
    try:
        yield
    except BrokenPipeError:
        raise click.exceptions.Exit(ExitCode.SIGNALLED + signal.SIGPIPE) from None


@contextmanager
def reported(ctx: click.Context) -> Iterator[None]:
    """
    Turn what a command fails by into a sentence, or into a traceback where C{--debug} asks for it.
    """
    try:
        with endingWithItsReader():
            yield
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise  # not failures, or they say what is wrong already
    except Exception as error:
        if ctx.find_root().params["debug"]:
            click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
            raise click.exceptions.Exit(ExitCode.FAILED) from None
        raise click.ClickException(asTyped(explain(error), ctx.command)) from error


def _show(error: click.ClickException) -> None:
    """
    Print it as click does; where standard output is what failed, all the same.
    """
    text = io.StringIO()
    error.show(text)
    word = click.style("Error:", fg="red", bold=True)
    shown = re.sub("(?m)^Error:", word, text.getvalue().rstrip("\n"), count=1)
    click.echo(shown, err=True, color=colour())
