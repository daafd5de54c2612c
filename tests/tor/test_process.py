# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Tor processes: spawned, owned, ended.

The tor here is a shell script: what is tested is what happens between processes.
"""

from __future__ import annotations

import errno
import gc
import os
import resource
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from twisted.internet import reactor

from onionp2p.tor.control import TorControl
from onionp2p.tor.process import TorProcess

SCRIPT = """#!/bin/bash
fd=$(sed -n 's/^__OwningControllerFD //p')
echo "Nov 22 13:59:45.000 [notice] Tor 0.4.9.11 running on Linux, session $(ps -o sess= -p $$)"
echo "Nov 22 13:59:45.000 [warn] Something is odd"
{extra}
eval "cat <&$fd >/dev/null"
echo "Nov 22 13:59:46.000 [notice] Owning controller connection has closed -- exiting now."
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """
    A program that prints two lines and lives as long as its owner.
    """
    return makeProgram(tmp_path, "")


def makeProgram(folder: Path, extra: str) -> Path:
    """Make such a program, which runs C{extra} too."""
    path = folder / "tor"
    path.write_text(SCRIPT.replace("{extra}", extra))
    path.chmod(0o755)
    return path


def spawn(program: Path) -> TorProcess:
    """Spawn it as a tor."""
    return TorProcess(
        reactor,
        str(program),
        lambda descriptor: f"__OwningControllerFD {descriptor}\n",
        TorControl(reactor),
    )


@pytest.mark.deadline(10)
async def test_endsWithItsOwningConnection(program: Path) -> None:
    """
    Tor ends when it is let go of, and its last words are kept.
    """
    process = spawn(program)
    await process.end()
    assert process.complaints == "Something is odd"
    assert "exiting now" in process.output[-1]  # by itself, that is, rather than killed
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


@pytest.mark.deadline(10)
async def test_endedWithoutTheReactor(program: Path) -> None:
    """
    When the reactor has stopped, tor is ended all the same, and doing so twice is harmless.
    """
    process = spawn(program)
    process.endNow()
    process.endNow()
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
    await process.end()


@pytest.mark.deadline(15)
async def test_aFrozenOneIsKilled(tmp_path: Path) -> None:
    """
    A tor that does not react to its owner's going is killed.
    """
    process = spawn(makeProgram(tmp_path, "kill -STOP $$"))
    await process.end()
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


@pytest.mark.deadline(10)
async def test_hasASessionOfItsOwn(program: Path) -> None:
    """
    The terminal's Ctrl-C does not reach tor.
    """
    process = spawn(program)
    assert os.getsid(process.pid) == process.pid != os.getsid(0)
    await process.end()


@pytest.mark.deadline(10)
async def test_itsEnvironmentIsItsOwn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Tor does not speak to the systemd that has started us, and learns no passphrase of ours.
    """
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "ONIONP2P_KEY_PASSPHRASE"):
        monkeypatch.setenv(name, "7")
    process = spawn(makeProgram(tmp_path, 'echo "got: ${!NOTIFY*}${!WATCHDOG*}${!ONIONP2P*}"'))
    await process.end()
    assert "got:" in process.output


@pytest.mark.deadline(10)
async def test_noSuchProgram(tmp_path: Path) -> None:
    """
    A program that can't be spawned is an OSError, and nothing stays open.
    """
    before = len(os.listdir("/dev/fd"))
    with pytest.raises(OSError, match="tor"):
        spawn(tmp_path / "tor")
    assert len(os.listdir("/dev/fd")) == before


@pytest.mark.deadline(20)
def test_goneWithAKilledOwner(program: Path) -> None:
    """
    Kill -9 of our process ends its tor, even while a child that it has forked lives on.
    """
    script = """
import os, sys
from twisted.internet import reactor
from onionp2p.tor.control import TorControl
from onionp2p.tor.process import TorProcess
tor = TorProcess(reactor, sys.argv[1], "__OwningControllerFD {}\\n".format, TorControl(reactor))
# Its end is seen by the pipe that only it and its log's reader hold.
if os.fork() == 0:
    os.close(1)
    sys.stdin.read()
    os._exit(0)
print(tor.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, str(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        try:
            waitUntilGone(pid)
        finally:
            owner.kill()


def waitUntilGone(pid: int) -> None:
    """
    Wait until a process that is not our child is gone.
    """
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ready, _, _ = select.select([descriptor], [], [], 5)
    os.close(descriptor)
    if not ready:
        os.kill(pid, signal.SIGKILL)
    assert ready


def childrenOfOurs() -> set[int]:
    """
    Give the processes whose parent we are, dead ones that nobody has heard of too.
    """
    with subprocess.Popen(["ps", "-A", "-o", "pid=,ppid="], stdout=subprocess.PIPE) as ps:
        listed, _ = ps.communicate()
    pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
    return {pid for pid, parent in pairs if parent == os.getpid() and pid != ps.pid}


@pytest.mark.deadline(30)
async def test_noDescriptorLeft(program: Path) -> None:
    """
    Where one of the descriptors that a tor needs can't be had, whichever, nothing of it is left.
    """
    before, children = len(os.listdir("/dev/fd")), childrenOfOurs()
    failures = 0
    for free in range(20):
        gc.collect()
        with fewDescriptors(free):
            try:
                process = spawn(program)
            except OSError as problem:
                failures += problem.errno == errno.EMFILE
            else:
                await process.end()
    assert childrenOfOurs() == children
    assert 5 < failures < 20
    assert len(os.listdir("/dev/fd")) == before


@contextmanager
def fewDescriptors(free: int) -> Iterator[None]:
    """
    Let us open no more than so many descriptors.
    """
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    taken = []
    try:
        with suppress(OSError):
            while True:
                taken.append(os.dup(0))
        for _ in range(free):
            os.close(taken.pop())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for each in taken:
            os.close(each)
