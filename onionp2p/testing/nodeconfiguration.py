# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What a node of a private Tor network finds when it starts: its torrc, and what it remembers.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from onionp2p.tor.torrc import quotePath

__all__ = ["NodeConfiguration", "ampleBandwidth", "sharedLines"]

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


def ampleBandwidth() -> str:
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
