# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A private Tor network on loopback: real tors, real onion services, no Internet.

All nodes are launched side by side and brought to a consensus (see consensus.py).  Each is owned as
our own tor is: it ends when this process does, however that happens.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import ExitStack, suppress
from typing import Any

from twisted.internet.defer import (
    Deferred,
    TimeoutError,
)
from twisted.logger import Logger

from onionp2p.errors import ControlLost, TorError
from onionp2p.local.folders import runtimeFolders
from onionp2p.testing.blueprint import makeNodes
from onionp2p.testing.clienttor import ClientTor
from onionp2p.testing.consensus import NetworkStep, allOf, reachConsensus
from onionp2p.testing.janitor import Janitor
from onionp2p.testing.nodes import Node
from onionp2p.tor.program import findTor
from onionp2p.waiting.outcome import Outcome

__all__ = ["FOLDER_PREFIX", "STATUS_FILE", "PrivateNetwork"]

FOLDER_PREFIX = "onionp2p-net-"
STATUS_FILE = "network.json"

_SECONDS_TO_START = 90.0
_FEWEST_NODES = 5
_MOST_ATTEMPTS = 3
_SECONDS_TO_LEARN_WHY = 2.0
_PORT_TAKEN = "Could not bind"


class PrivateNetwork:
    """
    A private Tor network.

    @ivar folder: all that belongs to it; goes when it is stopped.
    @ivar nodes: its authorities and relays, while there are any.
    @ivar up: whether onions can be published and dialled in it.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        *,
        authorities: int = 1,
        relays: int = 5,
        votingInterval: int = 20,
        folder: str | None = None,
        verbosity: str = "notice",
        program: str | None = None,
        client: bool = False,
        logs: str | None = None,
        step: NetworkStep = lambda text, fraction: None,
    ) -> None:
        """
        @param authorities: how many directory authorities, 1 or more; they are relays too.
        @param relays: how many relays besides; at least five nodes in all are needed.
        @param votingInterval: seconds from one consensus to the next, 10 or more.
        @param folder: where its own folder is to be made; C{$XDG_RUNTIME_DIR} or the system's
            temporary folder by default.
        @param verbosity: what the nodes log to their files: C{notice}, C{info} or C{debug}.
        @param program: the tor program.
        @param client: add a tor with SOCKS and control ports, for programs that are not Twisted's.
        @param logs: a folder to copy the nodes' logs to when the start fails.
        @param step: told what is being done, and which part of the start is over, 0 to 1.

        @raise ValueError: if such a network can't work.
        """
        if authorities < 1 or relays < 0 or authorities + relays < _FEWEST_NODES:
            raise ValueError(
                f"a network needs an authority, and {_FEWEST_NODES} nodes with the relays"
            )
        if votingInterval < 10:
            raise ValueError("the voting interval is 10 s or more")
        self._reactor = reactor
        self._authorityCount = authorities
        self._count = authorities + relays
        self._votingInterval = votingInterval
        self._parent = folder
        self._verbosity = verbosity
        self._program = program
        self._wantsClient = client
        self._logs = logs
        self._client: ClientTor | None = None
        self._step = step
        self._held = ExitStack()
        self._failed: Outcome[TorError] = Outcome()
        self.up = False
        self.nodes: list[Node] = []
        self.folder = ""

    @property
    def authorities(self) -> list[Node]:
        """
        The directory authorities.
        """
        return self.nodes[: self._authorityCount]

    @property
    def relays(self) -> list[Node]:
        """
        The relays that are no authorities.
        """
        return self.nodes[self._authorityCount :]

    @property
    def torrc(self) -> str:
        """
        The file of lines by which a tor joins the network: for C{torrc=} or C{$ONIONP2P_TORRC}.
        """
        return os.path.join(self.folder, "torrc")

    @property
    def environment(self) -> dict[str, str]:
        """
        What makes every endpoint of a program join the network, and tells others where the client
        tor is, if there is one.
        """
        client = self._client.environment if self._client else {}
        return {
            "ONIONP2P_TORRC": self.torrc,
            "ONIONP2P_STATE": os.path.join(self.folder, "state"),
            **client,
        }

    async def start(self) -> None:
        """
        Start it; returns when onions can be published and dialled in it.  Stops it if that fails.

        @raise TorError: says why it can't be started.
        """
        for attempt in range(1, _MOST_ATTEMPTS + 1):
            try:
                await self._startOnce()
                return
            except TorError as problem:
                # Somebody took a port between our choice and tor's binding.
                if _PORT_TAKEN not in str(problem) or attempt == _MOST_ATTEMPTS:
                    raise

    async def _startOnce(self) -> None:
        starting = Deferred.fromCoroutine(self._start())
        starting.addTimeout(_SECONDS_TO_START, self._reactor)
        self._starting, self._failed = starting, Outcome[TorError]()
        try:
            await starting
        except BaseException as problem:
            error = await self._whyNot(problem)
            await self.stop(keepLogs=self._logs)
            if error is problem:
                raise
        else:
            return
        raise error

    async def _whyNot(self, problem: BaseException) -> BaseException:
        """
        Give what is behind the end of a start.
        """
        # A node that ends is first seen by its control connection.
        if self._failed.known or isinstance(problem, ControlLost):
            with suppress(TimeoutError):
                return await self._failed.wait().addTimeout(_SECONDS_TO_LEARN_WHY, self._reactor)
        if isinstance(problem, TimeoutError):
            return TorError(f"The network was not up within {_SECONDS_TO_START:g} s.")
        if isinstance(problem, OSError):
            return TorError(f"{problem.filename or self.folder}: {problem.strerror}.")
        return problem

    async def stop(self, keepLogs: str | None = None) -> None:
        """
        End all of its nodes and remove its folder.

        @param keepLogs: a folder to copy the nodes' logs to before.
        """
        self.up = False
        nodes, self.nodes = self.nodes, []
        client, self._client = self._client, None
        await allOf(each.stop() for each in [*nodes, client] if each is not None)
        if keepLogs is not None:
            for node in nodes:
                with suppress(FileNotFoundError):  # one that did not come so far
                    shutil.copy(os.path.join(node.folder, "log"), f"{keepLogs}/{node.nickname}.log")
        self._held.close()

    def _stopNow(self) -> None:
        """
        The same, for when the reactor has stopped.
        """
        for each in [*self.nodes, self._client]:
            if each is not None:
                each.stopNow()
        self._held.close()

    async def _start(self) -> None:
        program = findTor(self._program)
        self._step("making keys", 0.0)
        self.folder = self._makeFolder()
        janitor = Janitor(self.folder)
        self._held.callback(janitor.finish)
        trigger = self._reactor.addSystemEventTrigger("after", "shutdown", self._stopNow)
        self._held.callback(self._removeTrigger, trigger)
        self.nodes = makeNodes(
            self._reactor,
            program,
            self.folder,
            self.torrc,
            janitor,
            authorities=self._authorityCount,
            count=self._count,
            votingInterval=self._votingInterval,
            verbosity=self._verbosity,
        )

        self._step("launching tors", 0.05)
        for node in self.nodes:
            node.launch()
            node.whenFailed().addCallback(self._nodeFailed)
        await allOf(node.ready() for node in self.nodes)
        await reachConsensus(
            self._reactor, self.authorities, self.relays, self._votingInterval, self._step
        )
        if self._wantsClient:
            self._step("starting the client", 0.95)
            await self._startClient(program, janitor)
        self._writeStatus()
        self.up = True
        self._step("up", 1.0)

    async def _startClient(self, program: str, janitor: Janitor) -> None:
        folder = os.path.join(self.folder, "client")
        os.mkdir(folder, 0o700)
        with open(self.torrc) as shared:
            self._client = ClientTor(self._reactor, program, folder, shared.read())
        janitor.watch(self._client.pid)
        await self._client.start()

    def _writeStatus(self) -> None:
        """
        Say that the network is up, for C{onionp2p testnet status}.
        """
        with open(os.path.join(self.folder, STATUS_FILE), "w") as file:
            json.dump(
                {
                    "folder": self.folder,
                    "pid": os.getpid(),
                    "nodes": [node.pid for node in self.nodes],
                    "environment": self.environment,
                },
                file,
            )

    def _makeFolder(self) -> str:
        parents = runtimeFolders() if self._parent is None else [self._parent]
        problem: OSError | None = None
        for parent in parents:
            try:
                return tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir=parent)
            except OSError as error:
                problem = error
        assert problem is not None
        raise problem

    def _removeTrigger(self, trigger: object) -> None:
        # It has been removed by having been run, where the reactor has stopped.
        if self._reactor.running:
            self._reactor.removeSystemEventTrigger(trigger)

    def _nodeFailed(self, error: TorError) -> None:
        self._failed.succeed(error)
        if self.up:
            self._log.error("{error}", error=error)
        else:
            self._starting.cancel()
