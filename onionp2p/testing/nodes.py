# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The nodes of a private Tor network: what each is configured with, and its process.
"""

from __future__ import annotations

import os
import time
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from onionp2p.errors import TorError
from onionp2p.outcome import Outcome
from onionp2p.tor.control import TorControl
from onionp2p.tor.process import TorProcess

__all__ = ["Node", "sharedLines"]

_NODE = """
DataDirectory {folder}
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
Log {verbosity} file {folder}/log
"""

# The first vote is called by SETCONF once every descriptor has arrived: see network.py.
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
TestingV3AuthInitialVotingInterval 1800
V3AuthVotingInterval 1800
TestingV3AuthVotingStartOffset {offset}
"""


def sharedLines(authorityLines: list[str]) -> str:
    """
    Give the torrc lines of every node and every client of a network.
    """
    return "\n".join(
        ["TestingTorNetwork 1", "PathsNeededToBuildCircuits 0.67", *authorityLines, ""]
    )


class Node:
    """
    A relay or an authority.

    @ivar nickname: its name.
    @ivar folder: its DataDirectory, with its log.
    @ivar control: its control connection.
    @ivar consensus: fires when it has a consensus that lists all nodes.
    """

    def __init__(self, nickname: str, folder: str, orPort: int, nodeCount: int) -> None:
        self.nickname = nickname
        self.folder = folder
        self._orPort = orPort
        self._nodeCount = nodeCount
        self._process: TorProcess | None = None
        self.consensus: Outcome[None] = Outcome()

    def launch(
        self,
        reactor: IReactorTime,
        program: str,
        shared: str,
        verbosity: str,
        dirPort: int | None,
    ) -> None:
        """
        Spawn its tor.

        @param dirPort: where it serves the directory, if it is an authority.
        """
        with open(os.path.join(self.folder, "state"), "w") as state:
            state.write(_ampleBandwidth())

        def torrc(descriptor: int) -> str:
            text = shared + _NODE.format(
                folder=self.folder,
                nickname=self.nickname,
                descriptor=descriptor,
                orPort=self._orPort,
                verbosity=verbosity,
            )
            if dirPort is not None:
                # At least a quarter of an hour away from now.
                offset = 0 if time.time() % 1800 < 900 else 900
                text += _AUTHORITY.format(dirPort=dirPort, offset=offset)
            return text

        self.control = TorControl(reactor, ["STATUS_CLIENT", "NEWCONSENSUS"])
        self._process = TorProcess(
            reactor, program, torrc, self.control, arguments=["--defaults-torrc", "/dev/null"]
        )

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
        assert self._process is not None
        return self._process.pid

    def whenGone(self) -> Deferred[Any]:
        """
        Give a Deferred that fires with an error that says why, when it ends.
        """
        assert self._process is not None
        process = self._process
        return process.whenGone().addCallback(
            lambda _: TorError(f"The node {self.nickname} ended: {process.complaints}")
        )

    async def end(self) -> None:
        """
        End it.  It is killed: tor 0.4.9's relays hang in a quarter of their orderly exits, their
        main thread waiting for a lock of its workers' (C{cpuworker_free_all}).
        """
        if self._process is not None:
            self._process.kill()
            await self._process.end()

    def endNow(self) -> None:
        """
        The same, without the reactor.
        """
        if self._process is not None:
            self._process.kill()
            self._process.endNow()


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
