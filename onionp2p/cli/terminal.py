# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What may be shown where the output goes.
"""

from __future__ import annotations

import os
from typing import TextIO

__all__ = ["canShow", "colour", "isTerminal"]


def colour() -> bool | None:
    """
    Whether to use colours, by NO_COLOR, FORCE_COLOR and TERM, as L{rich} reads them.

    @return: L{None} means on terminals alone.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return False if os.environ.get("TERM", "").lower() in ("dumb", "unknown") else None


def isTerminal(stream: TextIO) -> bool:
    """
    Whether somebody looks at it, on what can write a line anew.
    """
    return stream.isatty() and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")


def canShow(stream: TextIO, text: str) -> bool:
    """
    Whether the encoding of C{stream} has all of these characters.
    """
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
