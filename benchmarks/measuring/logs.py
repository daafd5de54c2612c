# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What the processes log: errors alone, to standard error.
"""

from __future__ import annotations

import sys

from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)

__all__ = ["logErrors"]


def logErrors() -> None:
    """
    Begin.  Until somebody does, Twisted keeps the last 65,536 events, whose memory would count.
    """
    errors = LogLevelFilterPredicate(LogLevel.error)
    observer = FilteringLogObserver(textFileLogObserver(sys.stderr), [errors])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
