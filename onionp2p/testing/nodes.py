# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The nodes of a private Tor network, each with its process.
"""

from __future__ import annotations

import os
import signal

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from onionp2p.errors import TorError, TorTooOld
from onionp2p.testing.janitor import Janitor
from onionp2p.testing.nodeconfiguration import NodeConfiguration, ampleBandwidth
from onionp2p.tor.control import TorControl
from onionp2p.tor.process import TorProcess
from onionp2p.tor.program import checkVersion
from onionp2p.waiting.outcome import Outcome

__all__ = ["Node"]


class Node:
    """
    A relay or an authority of a private network.

    @ivar nickname: its name.
    @ivar folder: its DataDirectory, with its C{log}.
    @ivar control: its control connection.
    @ivar consensus: fires when it has a consensus that lists all nodes.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        program: str,
        configuration: NodeConfiguration,
        nodeCount: int,
        janitor: Janitor,
    ) -> None:
        """
        @param nodeCount: how many nodes the network has.
        @param janitor: sees to it that its tor goes with this process.
        """
        self._janitor = janitor
        self._reactor = reactor
        self._program = program
        self._configuration = configuration
        self._nodeCount = nodeCount
        self._process: TorProcess | None = None
        self._stopping = False
        self.nickname = configuration.nickname
        self.folder = configuration.folder
        self.consensus: Outcome[None] = Outcome()

    def launch(self, *, voting: bool = False) -> None:
        """
        Spawn its tor.

        @param voting: whether it votes of itself, if it is an authority.
        """
        with open(os.path.join(self.folder, "state"), "w") as state:
            state.write(ampleBandwidth())
        self.control = TorControl(self._reactor, ["STATUS_CLIENT", "NEWCONSENSUS"])
        self._stopping = False
        self._process = TorProcess(
            self._reactor,
            self._program,
            lambda descriptor: self._configuration.render(descriptor, voting=voting),
            self.control,
            arguments=["--defaults-torrc", "/dev/null"],
        )
        pid = self._process.pid
        self._janitor.watch(pid)
        # It is told before anybody has reaped the process, so before its number is free.
        self._process.whenGone().addCallback(lambda _: self._janitor.forget(pid))

    async def ready(self) -> None:
        """
        Wait until it answers.
        """
        await self.control.ready()
        self.control.observe("NEWCONSENSUS", self._newConsensus)

    def _newConsensus(self, text: str) -> None:
        if f"\n{text}".count("\nr ") >= self._nodeCount:
            self.consensus.succeed(None)

    @property
    def pid(self) -> int:
        """
        Its process id.
        """
        pid: int = self._running.pid
        return pid

    @property
    def _running(self) -> TorProcess:
        if self._process is None:
            raise ValueError(f"the node {self.nickname} is stopped")
        return self._process

    def whenFailed(self) -> Deferred[TorError]:
        """
        Give a Deferred that fires, with an error that says why, if it ends by itself.
        """
        process = self._running
        failed: Deferred[TorError] = Deferred()

        def gone(_: None) -> None:
            if not self._stopping:
                failed.callback(self._whyEnded(process))

        process.whenGone().addCallback(gone)
        return failed

    def _whyEnded(self, process: TorProcess) -> TorError:
        try:
            for line in process.output:
                checkVersion(line)
        except TorTooOld as tooOld:
            return tooOld
        return TorError(f"The node {self.nickname} ended: {process.complaints}")

    def freeze(self) -> None:
        """
        Have it do nothing, as if its host were gone from the network.
        """
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """
        Have it go on.
        """
        os.kill(self.pid, signal.SIGCONT)

    async def restart(self) -> None:
        """
        Bring it back after L{stop}; returns when it answers.
        """
        self.consensus = Outcome()
        self.launch(voting=True)
        await self.ready()

    async def stop(self) -> None:
        """
        End it.  It is killed: relays of tor 0.4.9.11 hang in about a third of their orderly exits
        when several end at once, their main thread waiting for a lock of its workers'
        (C{cpuworker_free_all}).
        """
        self._stopping = True
        if self._process is not None:
            process, self._process = self._process, None
            process.kill()
            await process.end()

    def stopNow(self) -> None:
        """
        The same, without the reactor.
        """
        self._stopping = True
        if self._process is not None:
            process, self._process = self._process, None
            process.kill()
            process.endNow()
