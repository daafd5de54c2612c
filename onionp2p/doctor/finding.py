# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What a check has found, as a value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from onionp2p.oneline import oneLine

__all__ = ["Finding", "Level", "problem", "warning", "well"]

_LONGEST = 500
_LABEL = re.compile(r"\b[a-z2-7]{56}\b", re.IGNORECASE)


class Level(Enum):
    """
    How bad it is: nothing to do; something that may surprise; something that keeps us from working.
    """

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """
    Both texts are made fit to be shown, and name no onion.

    @ivar check: what was looked at.
    @ivar level: how bad it is.
    @ivar found: what was found, in a line.
    @ivar remedy: what to do about it, in a line; empty where nothing needs to be done.
    """

    check: str
    level: Level
    found: str
    remedy: str = ""

    def __post_init__(self) -> None:
        for name in ("found", "remedy"):
            text = _LABEL.sub("(an onion)", getattr(self, name))
            object.__setattr__(self, name, oneLine(text, _LONGEST))


def well(check: str, found: str) -> Finding:
    """
    Nothing needs to be done.
    """
    return Finding(check, Level.OK, found)


def warning(check: str, found: str, remedy: str) -> Finding:
    """
    It may surprise.
    """
    return Finding(check, Level.WARNING, found, remedy)


def problem(check: str, found: str, remedy: str) -> Finding:
    """
    It keeps us from working.
    """
    return Finding(check, Level.PROBLEM, found, remedy)
