# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How a service that can't go on says why, and ends its process with a status that says "failed".
"""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import suppress
from typing import NoReturn

from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IReactorCore
from twisted.logger import Logger
from twisted.python.failure import Failure

from onionp2p.errors.remedies import remedied

__all__ = ["stopFailed", "tellFailure"]


def tellFailure(log: Logger, what: str, failure: Failure) -> None:
    """
    Log why it can't: a sentence, or the traceback of what nobody has foreseen.

    @param what: what comes of it, as C{"not listening"}.
    """
    error = remedied(failure.value)
    if error is None:
        log.failure("{what}:", failure, what=what)
    else:
        log.critical("{what}: {error}", what=what, error=error)


def stopFailed(reactor: IReactorCore) -> None:
    """
    Stop C{reactor} in good order, or as soon as it runs; then the process exits with status 1.

    twistd has no say in its exit status: after C{reactor.run()} it ends with 0,
    or by the signal that stopped it, and SystemExit in the reactor is an error
    like any other.  An exit function that does not return is what is left: the
    services are stopped, the pid file is removed and the log is closed by then.
    """
    atexit.register(_exitFailed)

    def stop() -> None:
        with suppress(ReactorNotRunning):  # it is stopping already
            reactor.stop()

    reactor.callWhenRunning(stop)


def _exitFailed() -> NoReturn:
    for stream in sys.stdout, sys.stderr:
        with suppress(OSError, ValueError, AttributeError):  # a daemon may have closed it
            stream.flush()
    os._exit(1)
