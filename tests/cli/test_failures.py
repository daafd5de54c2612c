# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How commands fail.
"""

from __future__ import annotations

import errno
import os
import socket

import click
import pytest
from twisted.internet.error import (
    CannotListenError,
    ConnectionDone,
    ConnectionRefusedError,
    DNSLookupError,
)

from onionp2p.cli import failures
from onionp2p.cli.exitcodes import ExitCode
from onionp2p.cli.failures import explain, sentence
from onionp2p.cli.terminal import colour
from onionp2p.errors import TorNotFound


def osError(number: int, *names: str | bytes) -> OSError:
    """
    Make an error of the system's.
    """
    return OSError(number, os.strerror(number), *names)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TorNotFound("Sorry."), str(TorNotFound("Sorry."))),
        (osError(errno.ENOENT, "a/b"), "a/b: No such file or directory: check the path."),
        (osError(errno.ENOENT, b"a\xff"), "a\ufffd: No such file or directory: check the path."),
        (osError(errno.EMFILE), "Too many open files: raise the limit, as with ulimit -n 1024."),
        (osError(errno.EPROTO, "x"), "x: Protocol error"),
        (OSError("Just so."), "Just so."),
        (DNSLookupError("x"), "DNS lookup failed: x: check the name."),
        (ConnectionDone(), "Connection was closed cleanly."),
        (
            ConnectionRefusedError(errno.ECONNREFUSED, "no"),
            (
                "Connection was refused by other side: 111: no: see that"
                " the program runs that is to listen there."
            ),
        ),
        (
            CannotListenError("::1", 80, osError(errno.EADDRINUSE)),
            (
                "Couldn't listen on ::1:80: [Errno 98] Address already in use"
                ": end the program that listens there, or name another place."
            ),
        ),
        (CannotListenError("::1", 80, socket.gaierror("x")), "Couldn't listen on ::1:80: x."),
        (
            ModuleNotFoundError("No module named 'x'"),
            "No module named 'x': the installation is not whole; repeat it (pip install onionp2p).",
        ),
        (
            KeyError("x"),
            (
                "KeyError: 'x'"
                ": this is a bug in onionp2p; do the same with --debug, and report what it shows."
            ),
        ),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else "",
)
def test_explained(error: Exception, said: str) -> None:
    """
    Each says what happened and, where something can be done, what; on one line.
    """
    assert explain(error) == said


def test_sentence() -> None:
    """
    An error's text can't speak to the terminal; of one without a text, the name is shown.
    """
    assert sentence(ZeroDivisionError()) == "ZeroDivisionError"
    assert sentence(ValueError("a\n \x1b[2Jb\u202e")) == "a \ufffd[2Jb\ufffd"


def raising(error: BaseException) -> object:
    """
    Fail.
    """
    raise error


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (click.UsageError("No."), ExitCode.USAGE, "Error: No.\n"),
        (click.ClickException("No."), ExitCode.FAILED, "Error: No.\n"),
        (click.Abort(), 130, ""),
        (KeyboardInterrupt(), 130, ""),
        (osError(errno.ENOSPC), ExitCode.FAILED, "Error: No space left on device: free some"),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, BaseException) else "",
)
def test_statuses(
    error: BaseException, status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The status tells what kind of failure it is.
    """
    assert failures.run(lambda: raising(error)) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(said)
    assert bool(err) is bool(said)


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, None),
        ({"NO_COLOR": ""}, None),
        ({"NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": ""}, None),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
    ],
)
def test_colour(
    environment: dict[str, str],
    wanted: bool | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """
    What the environment says of colours holds for errors, as for all else.
    """
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert colour() is wanted
    failures.run(lambda: raising(click.ClickException("Error: no.")))
    err = capsys.readouterr().err
    if wanted:
        assert err == "\x1b[31m\x1b[1mError:\x1b[0m Error: no.\n"
    else:
        assert err == "Error: Error: no.\n"


def test_table() -> None:
    """
    Every status has its meaning.
    """
    assert [code.value for code in ExitCode] == [0, 1, 2, 126, 127, 128]
    assert all(code.meaning.endswith(".") for code in ExitCode)
