# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Programs that tests start, in processes of their own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_twisted import blockon
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure


class Program(ProcessProtocol):
    """
    A running program.

    @ivar output: all that it has printed.
    @ivar ended: fires with its exit status, or minus the number of the signal that ended it.
    """

    def __init__(self) -> None:
        self.output = ""
        self.ended: Deferred[int] = Deferred()
        self.over = False
        self._awaited: list[tuple[str, Deferred[str]]] = []

    @property
    def pid(self) -> int:
        """
        Its process id.
        """
        assert self.transport is not None
        return int(self.transport.pid)

    def says(self, text: str) -> Deferred[str]:
        """
        Give the line of its output that holds C{text}, once there is one.
        """
        awaited: Deferred[str] = Deferred()
        self._awaited.append((text, awaited))
        self._look()
        return awaited

    def signal(self, name: str) -> None:
        """
        Send it a signal.
        """
        assert self.transport is not None
        self.transport.signalProcess(name)

    def tors(self) -> list[int]:
        """
        Give the process ids of its tors.
        """
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                with open(f"/proc/{entry}/stat") as file:
                    name, _, rest = file.read().partition("(")[2].rpartition(")")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if name == "tor" and int(rest.split()[1]) == self.pid:
                found.append(int(entry))
        return found

    def outReceived(self, data: bytes) -> None:
        self.output += data.decode("utf-8", "replace")
        self._look()

    errReceived = outReceived

    def processEnded(self, reason: Failure) -> None:
        self.over = True
        status: Any = reason.value
        self.ended.callback(-status.signal if status.signal else status.exitCode)
        self._look()

    def _look(self) -> None:
        for each in list(self._awaited):
            text, awaited = each
            lines = [line for line in self.output.splitlines(keepends=True) if text in line]
            if lines and lines[0].endswith("\n"):
                self._awaited.remove(each)
                awaited.callback(lines[0].strip())
            elif self.over:
                self._awaited.remove(each)
                awaited.errback(AssertionError(f"never said {text!r}, but:\n{self.output}"))


@pytest.fixture
def start() -> Iterator[Callable[..., Program]]:
    """
    Start programs that are installed beside Python, or have a path, from C{/} or another folder;
    those still running are killed at the end.
    """
    programs: list[Program] = []

    def startProgram(
        name: str, *arguments: str, folder: os.PathLike[str] | str = "/", **spawning: Any
    ) -> Program:
        from twisted.internet import reactor

        program = Program()
        path = os.path.join(os.path.dirname(sys.executable), name)
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        reactor.spawnProcess(
            program, path, [path, *arguments], env=environment, path=os.fspath(folder), **spawning
        )
        programs.append(program)
        return program

    yield startProgram
    for program in programs:
        if not program.over:
            program.signal("KILL")
            blockon(program.ended)
