# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A private Tor network on loopback: real tors, real onion services, no Internet.

Theory of operation.  Left to the clock, an authority votes when its interval comes round, often
before every relay's descriptor has arrived, and the relays ask for the consensus when their own
schedules say so: a start took from 17 to 77 seconds.  So nothing is left to the clock here.

  1. All nodes are launched side by side; no vote is due for a quarter of an hour.
  2. When the authorities have the descriptors of all nodes, they are told to vote now.  A consensus
     that lacks some is what clients would keep for most of the next interval.
  3. When the consensus is there, with all nodes in it, each relay is told (SIGHUP) to ask for it.
     By themselves they ask from the start, and ever less often.

Each node is owned as our own tor is: it ends when this process does, however that happens.
"""

from __future__ import annotations

import os
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from twisted.internet.defer import (
    CancelledError,
    Deferred,
    FirstError,
    TimeoutError,
    gatherResults,
)
from twisted.internet.task import deferLater
from twisted.logger import Logger

from onionp2p.errors import TorError, TorRefusedCommand
from onionp2p.testing.authority import AuthorityKeys
from onionp2p.testing.janitor import Janitor
from onionp2p.testing.nodes import Node, sharedLines
from onionp2p.tor.program import findTor

__all__ = ["NetworkStep", "PrivateNetwork"]

_SECONDS_TO_START = 90.0
_SECONDS_BETWEEN_QUESTIONS = 0.1
_SECONDS_BETWEEN_HANGUPS = 0.2
# Voting begins at multiples of this, plus an offset; the least that tor allows.
_FIRST_INTERVAL = 5
_FEWEST_NODES = 5

NetworkStep = Callable[[str, float], object]


class PrivateNetwork:
    """
    A private Tor network.

    @ivar folder: all that belongs to it; goes when it is stopped.
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
        step: NetworkStep = lambda text, fraction: None,
    ) -> None:
        """
        @param authorities: how many directory authorities, 1 or more; they are relays too.
        @param relays: how many relays besides; at least five nodes in all are needed.
        @param votingInterval: seconds from one consensus to the next, 10 or more.
        @param folder: where its own folder is to be made; the system's temporary one by default.
        @param verbosity: what the nodes log to their files: C{notice}, C{info} or C{debug}.
        @param program: the tor program.
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
        self._step = step
        self._held = ExitStack()
        self._failure: Exception | None = None
        self._stopping = False
        self._nodes: list[Node] = []
        self.folder = ""

    @property
    def torrc(self) -> str:
        """
        The file of lines by which a tor joins the network: for C{torrc=} or C{$ONIONP2P_TORRC}.
        """
        return os.path.join(self.folder, "torrc")

    @property
    def environment(self) -> dict[str, str]:
        """
        What makes every endpoint of a program join the network.
        """
        return {
            "ONIONP2P_TORRC": self.torrc,
            "ONIONP2P_STATE": os.path.join(self.folder, "state"),
        }

    async def start(self) -> None:
        """
        Start it; returns when onions can be published and dialled in it.  Stops it if that fails.

        @raise TorError: says why it can't be started.
        """
        starting = Deferred.fromCoroutine(self._start())
        starting.addTimeout(_SECONDS_TO_START, self._reactor)
        self._starting = starting
        error: Exception | None = None
        try:
            await starting
            return
        except TimeoutError:
            error = TorError(f"The network was not up within {_SECONDS_TO_START:g} s.")
        except BaseException as problem:
            await self.stop()
            if not isinstance(problem, CancelledError) or self._failure is None:
                raise
            error = self._failure
        await self.stop()
        raise error

    async def stop(self) -> None:
        """
        End all of its nodes and remove its folder.
        """
        self._stopping = True
        await gatherResults([Deferred.fromCoroutine(node.end()) for node in self._nodes])
        self._held.close()

    def _stopNow(self) -> None:
        """
        The same, for when the reactor has stopped.
        """
        self._stopping = True
        for node in self._nodes:
            node.endNow()
        self._held.close()

    async def _start(self) -> None:
        program = findTor(self._program)
        self._step("making keys", 0.0)
        try:
            self.folder = tempfile.mkdtemp(prefix="onionp2p-net-", dir=self._parent)
        except OSError as problem:
            raise TorError(f"{problem.filename}: {problem.strerror}.") from None
        janitor = Janitor(self.folder)
        self._held.callback(janitor.finish)
        trigger = self._reactor.addSystemEventTrigger("after", "shutdown", self._stopNow)
        self._held.callback(self._removeTrigger, trigger)
        ports = _freePorts(self._count + self._authorityCount)
        keys = []
        for number in range(self._count):
            nickname = f"n{number}"
            folder = os.path.join(self.folder, nickname)
            os.mkdir(folder, 0o700)
            self._nodes.append(Node(nickname, folder, ports[number], self._count))
            if number < self._authorityCount:
                keys.append(AuthorityKeys(nickname, ports[number], ports[self._count + number]))
                keys[-1].save(folder)
        shared = sharedLines([each.torrcLine for each in keys])
        with open(self.torrc, "w") as file:
            file.write(shared)

        self._step("launching tors", 0.05)
        for number, node in enumerate(self._nodes):
            dirPort = keys[number].dirPort if number < self._authorityCount else None
            node.launch(self._reactor, program, shared, self._verbosity, dirPort)
            janitor.watch(node.pid)
            node.whenGone().addCallback(self._nodeGone)
        await _all(node.ready() for node in self._nodes)
        authorities = self._nodes[: self._authorityCount]
        self._step("collecting the relays' descriptors", 0.3)
        await _all(self._untilDescribed(authority) for authority in authorities)
        self._step("voting", 0.5)
        await self._vote(authorities)
        self._step("publishing the consensus", 0.8)
        await _all(self._untilConsensus(authority) for authority in authorities)
        self._step("spreading the consensus", 0.9)
        await _all(self._fetchConsensus(node) for node in self._nodes[self._authorityCount :])
        self._step("up", 1.0)

    def _removeTrigger(self, trigger: object) -> None:
        # It has been removed by having been run, where the reactor has stopped.
        if self._reactor.running:
            self._reactor.removeSystemEventTrigger(trigger)

    def _nodeGone(self, error: TorError) -> None:
        if self._stopping:
            return
        self._log.error("{error}", error=error)
        if self._failure is None:
            self._failure = error
            self._starting.cancel()

    async def _untilDescribed(self, authority: Node) -> None:
        while True:
            descriptors = await authority.control.getInfo("desc/all-recent")
            if f"\n{descriptors}".count("\nrouter ") >= self._count:
                return
            await deferLater(self._reactor, _SECONDS_BETWEEN_QUESTIONS)

    async def _vote(self, authorities: list[Node]) -> None:
        # The consensus is due at a multiple of the interval plus the offset.  One authority alone
        # votes at once; several need the 2 + 2 s of their delays to exchange votes.
        due = int(time.time()) + (2 if len(authorities) == 1 else _FIRST_INTERVAL)
        for authority in authorities:
            await authority.control.command(
                f"SETCONF TestingV3AuthInitialVotingInterval={_FIRST_INTERVAL}"
                f" V3AuthVotingInterval={self._votingInterval}"
                f" TestingV3AuthVotingStartOffset={due % _FIRST_INTERVAL}"
            )
        await _all(authority.consensus.wait() for authority in authorities)

    async def _untilConsensus(self, authority: Node) -> None:
        """
        An authority tells of its consensus before it can serve the form that clients ask for.
        """
        while True:
            try:
                await authority.control.getInfo("dir/status-vote/current/consensus-microdesc")
            except TorRefusedCommand:
                await deferLater(self._reactor, _SECONDS_BETWEEN_QUESTIONS)
            else:
                return

    async def _fetchConsensus(self, relay: Node) -> None:
        while not relay.consensus.known:
            await relay.control.command("SIGNAL HUP")
            fetched = relay.consensus.wait()
            fetched.addTimeout(_SECONDS_BETWEEN_HANGUPS, self._reactor)
            try:
                await fetched
            except TimeoutError:
                continue


async def _all(waits: Any) -> None:
    """
    Wait for several things side by side.
    """
    deferreds = [
        wait if isinstance(wait, Deferred) else Deferred.fromCoroutine(wait) for wait in waits
    ]
    try:
        await gatherResults(deferreds, consumeErrors=True)
    except FirstError as first:
        first.subFailure.raiseException()


def _freePorts(count: int) -> list[int]:
    """
    Give ports that nobody has just now on 127.0.0.1.
    """
    with ExitStack() as sockets:
        ports = []
        for _ in range(count):
            each = sockets.enter_context(socket.socket())
            each.bind(("127.0.0.1", 0))
            ports.append(each.getsockname()[1])
        return ports
