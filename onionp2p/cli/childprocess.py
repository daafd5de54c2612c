# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A command of the user's that runs within one of ours: with our terminal, and our signals.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

__all__ = ["runCommand"]

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Command(ProcessProtocol):
    """
    A command that has our terminal.

    @ivar ended: fires with its exit status.
    """

    def __init__(self) -> None:
        self.ended: Deferred[int] = Deferred()

    def processEnded(self, reason: Failure) -> None:
        status = reason.value
        if isinstance(status, ProcessTerminated) and status.signal is not None:
            self.ended.callback(128 + status.signal)
        else:
            self.ended.callback(getattr(status, "exitCode", 0) or 0)


async def runCommand(
    reactor: Any, program: str, command: Sequence[str], environment: Mapping[str, str]
) -> int:
    """
    Run a command until its end, and pass signals on to it.

    @param program: its path.
    @param command: its name, and arguments.
    @param environment: what is added to ours.

    @return: its exit status, or 128 + the number of the signal that ended it.
    """
    protocol = _Command()
    process = reactor.spawnProcess(
        protocol,
        program,
        command,
        env={**os.environ, **environment},
        childFDs={0: 0, 1: 1, 2: 2},
    )

    def forward(number: int, _: object) -> None:
        # The terminal's own Ctrl-C has reached the command already.
        if number != signal.SIGINT or not _hasTerminal():
            with suppress(ProcessExitedAlready):
                process.signalProcess(signal.Signals(number).name.removeprefix("SIG"))

    for number in _FORWARDED:
        signal.signal(number, forward)
    return await protocol.ended


def _hasTerminal() -> bool:
    """
    Whether Ctrl-C on the terminal reaches the command without us.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
