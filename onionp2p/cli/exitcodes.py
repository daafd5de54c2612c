# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
With what status a command exits: all there is to know, in one table.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Self

__all__ = ["ExitCode"]


class ExitCode(IntEnum):
    """
    What the commands of C{onionp2p} exit with.

    Two commands have more to say.  C{onionp2p status} exits as monitoring programs expect it of
    their plugins (L{onionp2p.operating.verdict.Level}): 0 for OK, 1 for WARNING, 2 for CRITICAL, 3
    for UNKNOWN.  C{onionp2p testnet run} exits with its command's own status.

    @ivar meaning: when, for people.
    """

    meaning: str

    def __new__(cls, value: int, meaning: str) -> Self:
        """
        Make a code and what it means.
        """
        code = int.__new__(cls, value)
        code._value_ = value
        code.meaning = meaning
        return code

    DONE = 0, "It is done; a command that runs until Ctrl-C was ended by it."
    FAILED = 1, "It failed, and one sentence says why: no reply came, for example."
    USAGE = 2, "The command line is wrong. Nothing was done."
    UNABLE = 126, "testnet run: the command is there, but can't be run."
    NOT_FOUND = 127, "testnet run: there is no such command."
    SIGNALLED = 128, "128 + N: signal N ended it. 130 is Ctrl-C, 143 SIGTERM, 141 a closed pipe."
