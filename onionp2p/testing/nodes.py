# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The nodes of a private Tor network: what each is configured with, and its process.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from onionp2p.errors import TorError, TorTooOld
from onionp2p.testing.janitor import Janitor
from onionp2p.tor.control import TorControl
from onionp2p.tor.process import TorProcess
from onionp2p.tor.program import checkVersion
from onionp2p.tor.torrc import quotePath
from onionp2p.waiting.outcome import Outcome

__all__ = ["Node", "NodeConfiguration", "sharedLines"]

_NODE = """
DataDirectory {quotedFolder}
Nickname {nickname}
__OwningControllerFD {descriptor}
__ReloadTorrcOnSIGHUP 0
ControlPort 0
SocksPort 0
Address 127.0.0.1
ORPort 127.0.0.1:{orPort}
AssumeReachable 1
ExitRelay 0
ShutdownWaitLength 0
MaxAdvertisedBandwidth 1 MBytes
DisableDebuggerAttachment 0
Log notice stdout
Log {quotedLog}
"""

_AUTHORITY = """
DirPort 127.0.0.1:{dirPort}
AuthoritativeDirectory 1
V3AuthoritativeDirectory 1
ContactInfo nobody@invalid
TestingDirAuthVoteExit *
TestingDirAuthVoteHSDir *
TestingDirAuthVoteGuard *
TestingMinExitFlagThreshold 0
V3AuthNIntervalsValid 2
TestingV3AuthInitialVoteDelay 2
TestingV3AuthInitialDistDelay 2
V3AuthVoteDelay 2
V3AuthDistDelay 2
"""

# At least a quarter of an hour away: the first vote is called by SETCONF, see consensus.py.
_NO_VOTE = """
TestingV3AuthInitialVotingInterval 1800
V3AuthVotingInterval 1800
TestingV3AuthVotingStartOffset {offset}
"""

_VOTES = """
TestingV3AuthInitialVotingInterval 5
V3AuthVotingInterval {interval}
"""


def sharedLines(authorityLines: list[str]) -> str:
    """
    Give the torrc lines of every node and every client of a network.
    """
    return "\n".join(
        ["TestingTorNetwork 1", "PathsNeededToBuildCircuits 0.67", *authorityLines, ""]
    )


@dataclass(frozen=True)
class NodeConfiguration:
    """
    What a node is configured with.

    @ivar nickname: its name.
    @ivar folder: its DataDirectory; its log is there too.
    @ivar orPort: where it takes circuits, on 127.0.0.1.
    @ivar dirPort: where it serves the directory, if it is an authority.
    @ivar votingInterval: seconds from one consensus to the next.
    @ivar verbosity: what it logs to its file.
    @ivar shared: the lines of every node.
    """

    nickname: str
    folder: str
    orPort: int
    dirPort: int | None
    votingInterval: int
    verbosity: str
    shared: str

    def render(self, descriptor: int, *, voting: bool) -> str:
        """
        Give its torrc.

        @param descriptor: its owning control connection.
        @param voting: whether it votes of itself, if it is an authority.
        """
        text = self.shared + _NODE.format(
            quotedFolder=quotePath(self.folder),
            quotedLog=quotePath(f"{self.verbosity} file {self.folder}/log"),
            nickname=self.nickname,
            descriptor=descriptor,
            orPort=self.orPort,
        )
        if self.dirPort is None:
            return text
        text += _AUTHORITY.format(dirPort=self.dirPort)
        if voting:
            return text + _VOTES.format(interval=self.votingInterval)
        return text + _NO_VOTE.format(offset=0 if time.time() % 1800 < 900 else 900)


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
            state.write(_ampleBandwidth())
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


def _ampleBandwidth() -> str:
    """
    A tor's state file that remembers bandwidth, and as much as any other node's.  A fresh relay
    advertises none; once one of them has some, all of the weight is its, and clients build
    circuits that lead through it twice, which relays refuse.
    """
    now = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    return "".join(
        f"BWHistory{way}Ends {now}\n"
        f"BWHistory{way}Interval 86400\n"
        f"BWHistory{way}Values 864000000000,0\n"
        f"BWHistory{way}Maxima 10000000,0\n"
        for way in ("Read", "Write")
    )
