# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Asking a program a short question, whatever it may answer.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass

__all__ = ["Answer", "ask"]

SECONDS = 5.0
_MOST = 1 << 16


@dataclass(frozen=True)
class Answer:
    """
    @ivar text: what it printed, its errors included; cut off where that is endless.
    @ivar status: its exit status, minus the number of the signal that ended it, or L{None} if it
        did not end by itself.
    """

    text: str
    status: int | None


def ask(program: str, *arguments: str, seconds: float = SECONDS) -> Answer:
    """
    Run a program that should end at once; what does not is killed, with all that it has started.

    @param seconds: how long it has.

    @raise OSError: if it can't be run.
    """
    process = subprocess.Popen(
        [program, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        cwd="/",
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
    )
    assert process.stdout is not None
    deadline = time.monotonic() + seconds
    status: int | None = None
    with process.stdout:
        try:
            said = _read(process.stdout.fileno(), deadline)
            with suppress(subprocess.TimeoutExpired):
                status = process.wait(max(0.0, deadline - time.monotonic()))
        finally:
            with suppress(OSError):  # it has ended
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return Answer(said.decode("utf-8", "replace"), status)


def _read(descriptor: int, deadline: float) -> bytes:
    said = b""
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            break
        piece = os.read(descriptor, _MOST - len(said))
        if not piece:  # it is the end, or as much as we want
            break
        said += piece
    return said
