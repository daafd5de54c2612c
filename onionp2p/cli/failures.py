# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How a command fails: one sentence on standard error that says what to do, and an exit status.
"""

from __future__ import annotations

import errno
import io
import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import click

from onionp2p.cli.exitcodes import ExitCode
from onionp2p.cli.terminal import colour

__all__ = ["endingWithItsReader", "explain", "printable", "run", "sentence"]

_REMEDIES = {
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "check the path",
    errno.EISDIR: "name a file in it",
    errno.EEXIST: "remove it, or name another",
    errno.EACCES: "see whose it is (ls -l), or name another",
    errno.EPERM: "see whose it is (ls -l), or name another",
    errno.EROFS: "name a place that can be written to",
    errno.ENOSPC: "free some space, and try again",
    errno.EDQUOT: "free some space, and try again",
    errno.EMFILE: "raise the limit, as with ulimit -n 1024",
    errno.ENFILE: "close some programs, and try again",
    errno.ECONNREFUSED: "see that the program runs that is to listen there",
    errno.EADDRINUSE: "end the program that listens there, or name another place",
    errno.EADDRNOTAVAIL: "name an address of this machine",
    errno.ENAMETOOLONG: "name a shorter path",
}


def sentence(error: BaseException) -> str:
    """
    Say on one line what C{error} says, without anything that a terminal would obey.
    """
    return printable(str(error)) or type(error).__name__


def printable(text: str) -> str:
    """
    Put C{text} on one line, and take out of it what a terminal would obey.
    """
    plain = " ".join(text.split())
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in plain)


def explain(error: BaseException) -> str:
    """
    Say what happened, and what to do.  An error that nobody has foreseen is a bug, and called one.
    """
    from twisted.internet.error import (
        CannotListenError,
        ConnectError,
        ConnectionClosed,
        DNSLookupError,
    )

    from onionp2p.errors import OnionError

    said, remedy = sentence(error), None
    match error:
        case OnionError() | ConnectionClosed():
            pass  # the docstrings of ours hold the remedy
        case DNSLookupError():
            remedy = "check the name"
        case ConnectError():
            remedy = _remedy(error.osError)
        case CannotListenError():
            remedy = _remedy(getattr(error.socketError, "errno", None))
        case ImportError():
            remedy = "the installation is not whole; repeat it (pip install onionp2p)"
        case OSError():
            name = "" if error.filename is None else os.fsdecode(error.filename)
            said = printable(": ".join(filter(None, [name, error.strerror]))) or said
            remedy = _remedy(error.errno)
        case _:
            said = f"{type(error).__name__}: {said}"
            remedy = "this is a bug in onionp2p; do the same with --debug, and report what it shows"
    return f"{said.rstrip('.')}: {remedy}." if remedy else said


def _remedy(number: object) -> str | None:
    return _REMEDIES.get(number) if isinstance(number, int) else None


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


def _show(error: click.ClickException) -> None:
    """
    Print it as click does; where standard output is what failed, all the same.
    """
    text = io.StringIO()
    error.show(text)
    word = click.style("Error:", fg="red", bold=True)
    shown = re.sub("(?m)^Error:", word, text.getvalue().rstrip("\n"), count=1)
    click.echo(shown, err=True, color=colour())
