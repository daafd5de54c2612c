# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Whether a process is there, by its number.
"""

from __future__ import annotations

import os

__all__ = ["isAlive"]


def isAlive(pid: int) -> bool:
    """
    Whether there is a process of that number, whosever it is.
    """
    try:
        os.kill(pid, 0)
    except PermissionError:  # another user's
        return True
    except (OSError, OverflowError):
        return False
    return True
