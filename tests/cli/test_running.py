# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A command on the reactor, in a process of its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

PROGRAM = """
import os, signal, sys
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from onionp2p.cli import main as group
from onionp2p.cli.running import run
from onionp2p.waiting.cancelling import CANCELLED
import click

async def main(reactor):
    reactor.addSystemEventTrigger("before", "shutdown", print, "shutdown")
    print("started", flush=True)
    BODY

@click.command()
def ping():
    run(main)

import onionp2p.cli.ping
onionp2p.cli.ping.ping = ping
group(["ping"] if len(sys.argv) < 2 else [sys.argv[1], "ping"], prog_name="onionp2p")
"""


def start(body: str, *arguments: str) -> subprocess.Popen[str]:
    """
    Run a command whose coroutine is C{body}.
    """
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.replace("BODY", body.replace("\n", "\n    ")), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """
    Wait for the end; give exit status, output and errors.
    """
    out, err = process.communicate(timeout=10)
    return process.returncode, out, err


def interrupt(process: subprocess.Popen[str], *signals: int) -> tuple[int, str, str]:
    """
    Send signals once the command runs, and wait for its end.
    """
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    for number in signals:
        os.kill(process.pid, number)
    return finish(process)


def test_status() -> None:
    """
    The coroutine's result is the exit status, and the reactor is stopped in good order.
    """
    body = "await deferLater(reactor, 0.01)\nprint('worked')\nreturn 7"
    assert finish(start(body)) == (7, "started\nworked\nshutdown\n", "")


def test_atOnce() -> None:
    """
    A coroutine that never waits is as good as any.
    """
    assert finish(start("return 0")) == (0, "started\nshutdown\n", "")


def test_error() -> None:
    """
    What the coroutine raises is reported as a sentence.
    """
    body = (
        "from onionp2p.ping.errors import NoEcho\nawait deferLater(reactor, 0.01)\nraise NoEcho(7)"
    )
    assert finish(start(body)) == (1, "started\nshutdown\n", "Error: no echo within 7 s\n")


def test_debug() -> None:
    """
    With --debug the traceback leads to where it was raised, and the log is shown.
    """
    body = "await deferLater(reactor, 0.01)\nLogger().info('aha')\nraise ValueError('Wrong.')"
    status, _, err = finish(start(body, "--debug"))
    assert status == 1
    assert "in main" in err
    assert "ValueError: Wrong." in err
    assert "aha" in err


def test_bug() -> None:
    """
    What nobody has foreseen is reported as a bug.
    """
    status, _, err = finish(start("raise ZeroDivisionError('Oh.')"))
    assert status == 1
    assert err.startswith("Error: ZeroDivisionError: Oh: this is a bug in onionp2p; do the same ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted(number: int) -> None:
    """
    A signal lets the coroutine tidy up, which may take a while, before the reactor stops.
    """
    body = """
try:
    await Deferred()
finally:
    await deferLater(reactor, 0.05)
    print("tidy")
"""
    result = interrupt(start(body), number)
    assert result == (128 + number, "tidy\nshutdown\n", "")


def test_nohup() -> None:
    """
    Who was told to outlive its terminal does.
    """
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = start("await deferLater(reactor, 0.3)\nreturn 5")
    finally:
        signal.signal(signal.SIGHUP, before)
    assert interrupt(process, signal.SIGHUP) == (5, "shutdown\n", "")


def test_interruptedOrdinarily() -> None:
    """
    A command for which Ctrl-C is the ordinary end says so.
    """
    body = "try:\n    await Deferred()\nexcept CANCELLED:\n    return 3"
    assert interrupt(start(body), signal.SIGINT) == (3, "shutdown\n", "")


def test_impatient() -> None:
    """
    A second signal ends the process, whatever it is still doing.
    """
    body = """
try:
    await Deferred()
finally:
    os.kill(os.getpid(), signal.SIGINT)
    await Deferred()
"""
    assert interrupt(start(body), signal.SIGINT)[0] == -signal.SIGINT


def test_reactorStopped() -> None:
    """
    When something else stops the reactor, the coroutine may tidy up all the same.
    """
    body = """
reactor.callLater(0.05, reactor.stop)
try:
    await Deferred()
except CANCELLED:
    await deferLater(reactor, 0.05)
    print("tidy")
return 4
"""
    assert finish(start(body)) == (4, "started\nshutdown\ntidy\n", "")


def test_log() -> None:
    """
    Of the log, warnings and errors are shown, a sentence each.
    """
    body = """
Logger().info("not this")
Logger().warn("careful with {what}", what="fire")
try:
    raise ValueError("no\\nway")
except ValueError:
    Logger().failure("it broke:")
return 0
"""
    status, _, err = finish(start(body))
    assert (status, err) == (0, "careful with fire\nit broke: no way\n")
