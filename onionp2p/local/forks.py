# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Descriptors that a forked child must not keep open.

Tor lives as long as anybody holds the other end of its control connection, and
a lock as long as anybody holds its file.  A child made by C{os.fork} without an
C{exec} (C{multiprocessing}, say) would hold both after our end.
"""

from __future__ import annotations

import os
from contextlib import suppress

__all__ = ["closeInChildren", "keepInChildren"]

_descriptors: set[int] = set()


def closeInChildren(descriptor: int) -> None:
    """
    Close C{descriptor} in every child forked from now on.
    """
    _descriptors.add(descriptor)


def keepInChildren(descriptor: int) -> None:
    """
    Take back L{closeInChildren}; to be called before C{descriptor} is closed here.
    """
    _descriptors.discard(descriptor)


def _closeAll() -> None:
    for descriptor in _descriptors:
        with suppress(OSError):
            os.close(descriptor)
    _descriptors.clear()


os.register_at_fork(after_in_child=_closeAll)
