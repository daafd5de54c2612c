# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Text from elsewhere, made fit to be shown: by a terminal, in a log, in a file of status.
"""

from __future__ import annotations

__all__ = ["oneLine"]

_UNKNOWN = "\N{REPLACEMENT CHARACTER}"


def oneLine(text: str, longest: int | None = None) -> str:
    """
    Put a text on one line, and take out of it what a terminal would obey.

    @param longest: how many characters of it to give; a longer one ends with C{…}.
    """
    enough = text if longest is None else text[: 4 * longest]
    plain = " ".join(enough.split())
    plain = "".join(each if each.isprintable() else _UNKNOWN for each in plain)
    return plain if longest is None or len(plain) <= longest else f"{plain[: longest - 1]}…"
