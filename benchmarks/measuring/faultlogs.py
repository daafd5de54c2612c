# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What processes log while their tors are harmed on purpose: errors, but none that is an event.
"""

from __future__ import annotations

import sys
from typing import Any

from constantly import NamedConstant
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    PredicateResult,
    globalLogBeginner,
    textFileLogObserver,
)

__all__ = ["logUnexpected"]


def _isNoEvent(logged: dict[str, Any]) -> NamedConstant:
    # Events tell of the harm, and are what is measured.
    return PredicateResult.no if "onionp2p" in logged else PredicateResult.maybe


def logUnexpected() -> None:
    """
    Begin.  Until somebody does, Twisted keeps the last 65,536 events, whose memory would count.
    """
    errors = LogLevelFilterPredicate(LogLevel.error)
    observer = FilteringLogObserver(textFileLogObserver(sys.stderr), [_isNoEvent, errors])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
