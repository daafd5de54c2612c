# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Our programs, in processes of their own; those of others are in tests/interop.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Start = Callable[..., Any]


def address(line: str) -> str:
    """
    Give the address in the line by which a listener tells it.
    """
    return line.split("listening on ")[1]


async def test_pingBetweenTwoProcesses(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    One program listens, another pings it and tells the round trips; ended, neither leaves a tor
    or a file.
    """
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    listener = start(
        "twistd", "-n", "--pidfile=", "onionp2p", "ping", "--listen", "onionp2p:listen:port=7777"
    )
    where = address(await listener.says("listening on /onion3/"))
    pinger = start("onionp2p", "ping", where, "-c", "5", "-i", "0.05", "--json")
    assert await pinger.ended == 0
    lines = [json.loads(line) for line in pinger.output.splitlines()]
    assert [line.get("seq") for line in lines] == [1, 2, 3, 4, 5, None]
    assert lines[-1]["received"] == 5
    (tor,) = listener.tors()
    listener.signal("TERM")
    assert await listener.ended == -signal.SIGTERM  # as twistd ends, when all is done
    assert not os.path.exists(f"/proc/{tor}")
    assert list(tmp_path.iterdir()) == []


async def test_killedListenerLeavesNoTor(start: Start) -> None:
    """
    Kill -9 of a listening program ends its tor within a second.
    """
    listener = start(
        "twistd",
        "-n",
        "--pidfile=",
        "onionp2p",
        "ping",
        "--listen",
        "onionp2p:listen:port=7777:wait=address",
    )
    await listener.says("tor is launched")
    (tor,) = listener.tors()
    watched = os.pidfd_open(tor)
    listener.signal("KILL")
    ready, _, _ = select.select([watched], [], [], 1.0)
    os.close(watched)
    assert ready
    assert await listener.ended == -9


async def test_interruptedWhileStarting(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A listener that is stopped before its tor is up ends at once, and in good order.
    """
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    listener = start(
        "twistd", "-n", "--pidfile=", "onionp2p", "ping", "--listen", "onionp2p:listen:port=7777"
    )
    await listener.says("tor is launched")
    listener.signal("INT")
    assert await listener.ended == -signal.SIGINT
    assert "Traceback" not in listener.output
    assert list(tmp_path.iterdir()) == []


async def test_stateIsUsedByOne(start: Start, tmp_path: Path) -> None:
    """
    A second program with the same state= fails at once and says why; the first lives on.
    """
    endpoint = f"onionp2p:listen:port=7777:state={tmp_path}/state"
    arguments = ("-n", "--pidfile=", "onionp2p", "ping", "--listen", endpoint)
    first = start("twistd", *arguments)
    where = address(await first.says("listening on /onion3/"))
    second = start("twistd", *arguments)
    assert await second.ended != 0
    assert f"held by process {first.pid}" in second.output
    pinger = start("onionp2p", "ping", where, "-c", "1")
    assert await pinger.ended == 0


async def test_manyProgramsOfOneUser(start: Start) -> None:
    """
    Two programs that name no state directory just work side by side.
    """
    arguments = ("-n", "--pidfile=", "onionp2p", "ping", "--listen", "onionp2p:listen:port=7777")
    first, second = start("twistd", *arguments), start("twistd", *arguments)
    addresses = {address(await each.says("listening on /onion3/")) for each in (first, second)}
    assert len(addresses) == 2


async def test_badAddressFailsBeforeTor(start: Start) -> None:
    """
    An address with a mistyped character is refused at once, by its checksum.
    """
    wrong = "aww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd.onion:7777"
    pinger = start("onionp2p", "ping", wrong, "-c", "1")
    assert await pinger.ended != 0
    assert "checksum" in pinger.output
    assert "Traceback" not in pinger.output


async def test_daemonized(start: Start, tmp_path: Path) -> None:
    """
    A listener that twistd puts into the background serves until it is ended.
    """
    pidFile, log = tmp_path / "pid", tmp_path / "log"
    launcher = start(
        "twistd",
        f"--pidfile={pidFile}",
        f"--logfile={log}",
        "onionp2p",
        "ping",
        "--listen",
        "onionp2p:listen:port=7777",
    )
    assert await launcher.ended == 0
    daemon = int(pidFile.read_text())
    watched = os.pidfd_open(daemon)
    try:
        # In the background it has no pipe to us: what it says is in its log.
        tail = start("/usr/bin/tail", "-n", "+1", "-F", str(log))
        where = address(await tail.says("listening on /onion3/"))
        pinger = start("onionp2p", "ping", where, "-c", "2", "-i", "0")
        assert await pinger.ended == 0
    finally:
        signal.pidfd_send_signal(watched, signal.SIGTERM)
        ready, _, _ = select.select([watched], [], [], 30.0)
        os.close(watched)
    assert ready
    assert not pidFile.exists()


async def test_standardInputClosed(start: Start) -> None:
    """
    A listener that has no standard input serves.
    """
    listener = start(
        "twistd",
        "-n",
        "--pidfile=",
        "onionp2p",
        "ping",
        "--listen",
        "onionp2p:listen:port=7777",
        childFDs={1: "r", 2: "r"},
    )
    where = address(await listener.says("listening on /onion3/"))
    pinger = start("onionp2p", "ping", where, "-c", "2", "-i", "0", childFDs={1: "r", 2: "r"})
    assert await pinger.ended == 0


FORKING = """
import os, sys
from twisted.internet import reactor, task
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory, Protocol
from onionp2p.tor.pool import TorOptions, leaseTor

async def main(reactor):
    port = await serverFromString(reactor, "onionp2p:listen:port=7777").listen(
        Factory.forProtocol(Protocol)
    )
    tor = await leaseTor(reactor, TorOptions()).launched()
    if os.fork() == 0:
        # Lives on, with all that it has inherited, until somebody ends it.
        sys.stdin.read()
        os._exit(0)
    print("tor", tor.pid, flush=True)
    os.kill(os.getpid(), 9)

task.react(main)
"""


async def test_forkedChildKeepsNoTor(start: Start) -> None:
    """
    A child that was forked by a listening program, and outlives it, keeps no tor alive.
    """
    program = start(sys.executable, "-c", FORKING, childFDs={0: "w", 1: "r", 2: 2})
    said = await program.says("tor ")
    try:
        watched = os.pidfd_open(int(said.split()[1]))
        ready, _, _ = select.select([watched], [], [], 1.0)
        os.close(watched)
        assert ready
    except ProcessLookupError:  # gone already
        pass
    finally:
        program.transport.closeStdin()  # which ends the child
    assert await program.ended == -9
