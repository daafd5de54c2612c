# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The processes that do the work, and how they are asked.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import Any, Self

from onionp2p.testing.environment import runningNetwork

__all__ = ["Network", "Process", "network", "standIn", "workers"]

_FOLDER = Path(__file__).parent.parent
# No tor is launched but by the network; if one were, it would stay off every network.
_OFFLINE = str(_FOLDER.parent / "tests" / "offline.torrc")
_SECONDS_TO_START = 30.0
_SECONDS_TO_END = 20.0
_SECONDS_FOR_A_NETWORK = 180.0
_SECONDS_TO_CLOSE = 20.0

# Where the scheduler has one or two processors for the two ends of a socket, as it likes, CPU time
# jumps by half.
_STANDIN_PROCESSOR = 0


class Process:
    """
    A process that answers line by line, and ends when it is asked no more.

    Use it as a context.
    """

    def __init__(self, module: str, *arguments: str, processor: int | None = None) -> None:
        """
        @param module: what to run.
        @param processor: which of this machine's processors it is to stay on; the numbers begin
            again where they end.  L{None} is for any.
        """
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_FOLDER,
            env=os.environ if runningNetwork() else {**os.environ, "ONIONP2P_TORRC": _OFFLINE},
            text=True,
        )
        self._name = " ".join([module, *arguments[:1]])
        if processor is not None:
            ours = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(self._process.pid, {ours[processor % len(ours)]})

    def ready(self, seconds: float = _SECONDS_TO_START) -> str:
        """
        Wait until it can be asked.

        @return: what it said.
        """
        return self._line(seconds)

    def ask(self, seconds: float, **command: Any) -> Any:
        """
        Have it do something.

        @param seconds: in which it must be done.

        @return: its answer.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return json.loads(self._line(seconds))

    def _line(self, seconds: float) -> str:
        """
        Give the next line that it prints.

        @raise RuntimeError: if it ends, or does not answer in time and so is ended.
        """
        assert self._process.stdout is not None
        deadline = Timer(seconds, self._process.kill)
        deadline.start()
        try:
            line = self._process.stdout.readline()
        finally:
            deadline.cancel()
        if not line:
            raise RuntimeError(f"{self._name} ended, or gave no answer within {seconds:g} s")
        return line.strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


@dataclass(frozen=True)
class Network:
    """
    A private network that is up.

    @ivar label: its onion service, as 56 characters.
    @ivar folder: where the C{socks} of the tor is by which to dial it.
    """

    label: str
    folder: str
    _process: Process

    def closeCircuits(self) -> None:
        """
        Have that tor close its circuits to onions, so that the next dial is by a fresh one.
        """
        self._process.ask(_SECONDS_TO_CLOSE)


@contextmanager
def network() -> Iterator[Network]:
    """
    Have a private network.
    """
    with Process("measuring.network") as process:
        yield Network(**json.loads(process.ready(_SECONDS_FOR_A_NETWORK)), _process=process)


@contextmanager
def standIn() -> Iterator[str]:
    """
    Have a stand-in, and give the folder of its sockets.
    """
    with (
        tempfile.TemporaryDirectory(prefix="onionp2p-bench-") as folder,
        Process("measuring.standin", folder, processor=_STANDIN_PROCESSOR) as process,
    ):
        process.ready()
        yield folder


@contextmanager
def workers(
    contenders: Iterable[str], folder: str, label: str, *, apart: bool = False
) -> Iterator[dict[str, Process]]:
    """
    Have a process for each contender, and give them by name.

    @param folder: where their sockets are.
    @param label: whom they dial, the onion's 56 characters.
    @param apart: keep them off the stand-in's processor.
    """
    with ExitStack() as stack:
        processor = _STANDIN_PROCESSOR + 1 if apart else None
        processes = {
            name: stack.enter_context(
                Process("measuring.worker", name, folder, label, processor=processor)
            )
            for name in contenders
        }
        for process in processes.values():
            process.ready()
        yield processes
