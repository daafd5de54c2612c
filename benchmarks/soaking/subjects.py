# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The two processes, as the planning process sees them.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from onionp2p.waiting.outcome import Outcome

__all__ = ["Subject", "SubjectFailed"]

_FOLDER = Path(__file__).parent.parent
_SECONDS_TO_OBEY = 120.0
_SECONDS_TO_END = 90.0


class SubjectFailed(Exception):
    """
    A process could not do as it was told, or is gone.
    """


class Subject(ProcessProtocol):
    """
    A process that obeys, and tells.

    @ivar ended: fires with how it ended: 0 if it was told to and all was well.
    """

    def __init__(
        self, reactor: Any, module: str, *arguments: str, told: Callable[[dict[str, Any]], None]
    ) -> None:
        """
        @param told: what is called with all that it tells unasked.
        """
        self._reactor = reactor
        self._name = module
        self._told = told
        self._rest = b""
        self._numbers = count(1)
        self._asked: dict[int, Deferred[Any]] = {}
        self.ended: Outcome[int] = Outcome()
        self._process = reactor.spawnProcess(
            self,
            sys.executable,
            [sys.executable, "-m", module, *arguments],
            env=dict(os.environ),
            path=str(_FOLDER),
            childFDs={0: "w", 1: "r", 2: 2},
        )

    def order(self, do: str, **what: Any) -> Deferred[Any]:
        """
        Have it do something.

        @return: fires with its answer; fails with a L{SubjectFailed}.
        """
        number = next(self._numbers)
        answer: Deferred[Any] = Deferred()
        if self.ended.known:
            answer.errback(SubjectFailed(f"{self._name} is gone"))
            return answer
        self._asked[number] = answer
        self._process.write(json.dumps({"id": number, "do": do, **what}).encode() + b"\n")
        return answer.addTimeout(_SECONDS_TO_OBEY, self._reactor)

    def outReceived(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            said = json.loads(line)
            if "id" in said:
                answer = self._asked.pop(said["id"])
                if answer.called:  # it was too late
                    continue
                if "error" in said:
                    answer.errback(SubjectFailed(said["error"]))
                else:
                    answer.callback(said["answer"])
            else:
                self._told(said)

    def processEnded(self, reason: Failure) -> None:
        status: Any = reason.value
        self.ended.succeed(-status.signal if status.signal else status.exitCode)
        asked, self._asked = self._asked, {}
        for answer in asked.values():
            if not answer.called:
                answer.errback(SubjectFailed(f"{self._name} is gone"))

    async def end(self) -> int:
        """
        Have it end; kill it if it does not.

        @return: its exit status.
        """
        if not self.ended.known:
            self._process.closeStdin()
        try:
            return await self.ended.wait().addTimeout(_SECONDS_TO_END, self._reactor)
        except TimeoutError:
            self._process.signalProcess("KILL")
            return await self.ended.wait()
