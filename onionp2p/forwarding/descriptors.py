# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
File descriptors for all that is carried.
"""

from __future__ import annotations

import resource

from twisted.logger import Logger

__all__ = ["allowDescriptors"]

_log = Logger()
_OF_OTHERS = 256


def allowDescriptors(connections: int) -> None:
    """
    Let this process open as many files as it takes to carry C{connections}, two for each; the soft
    limit is often 1024.  For programs to call, not for libraries.
    """
    needed = 2 * connections + _OF_OTHERS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft == unlimited or soft >= needed:
        return
    allowed = needed if hard == unlimited else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < needed:
        _log.warn(
            "this process may open {allowed} files, and to carry {connections} connections takes"
            " {needed}: raise the hard limit (ulimit -H -n), or carry fewer",
            allowed=allowed,
            connections=connections,
            needed=needed,
        )
