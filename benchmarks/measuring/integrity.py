# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Parts d and e: much data both ways at once, against the stand-in and over tor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from measuring.contenders import ONIONP2P, PLAIN
from measuring.datapath import NOBODY
from measuring.processes import Network, standIn, workers
from measuring.results import Check, Figure, Goal, Part

__all__ = ["Integrity"]

_SECONDS = 600.0
_MIB = 2**20
_GROWTH = Goal(ONIONP2P, 8.0)


@dataclass(frozen=True)
class Integrity:
    """
    How much is measured.

    @ivar size: bytes both ways.
    """

    size: int

    def standInPart(self, say: Callable[[str], None]) -> Part:
        """
        Measure against the stand-in.

        @param say: told what is being done.
        """
        with standIn() as folder:
            return self._measure(
                "d", "against a stand-in for tor", say, {ONIONP2P: NOBODY, PLAIN: NOBODY}, folder
            )

    def torPart(self, say: Callable[[str], None], network: Network) -> Part:
        """
        Measure on a private network.

        @param say: told what is being done.
        """
        return self._measure(
            "e", "over tor, on a private network", say, {ONIONP2P: network.label}, network.folder
        )

    def _measure(
        self,
        letter: str,
        where: str,
        say: Callable[[str], None],
        contenders: dict[str, str],
        folder: str,
    ) -> Part:
        growth, seconds, checks = {}, {}, []
        for name, label in contenders.items():
            say(f"{self.size // _MIB} MiB both ways: {name}")
            with workers([name], folder, label) as processes:
                result = processes[name].ask(_SECONDS, figure="echo", size=self.size)
            growth[name] = [result["growth"] / _MIB]
            seconds[name] = [result["seconds"]]
            checks.append(
                Check(f"{name}: what came back is what was sent, by SHA-256", result["equal"])
            )
        return Part(
            letter,
            f"Much data both ways at once, {where}",
            f"{self.size // _MIB} MiB are sent by a producer that keeps to flow control, sent back,"
            " and read by a consumer that pauses for a turn of the reactor after each MiB. Memory"
            " is the most that was resident (VmHWM) over what was when the stream was connected.",
            figures=[
                Figure("growth", "growth of the process's memory", "MiB", growth, None, _GROWTH),
                Figure("clock", "time", "s", seconds),
            ],
            checks=checks,
        )
