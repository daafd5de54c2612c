# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The C{onionp2p} program, as its own process: also C{python -m onionp2p}.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

__all__ = ["main"]


def main() -> None:
    """
    Run the command that the command line names, and end the process with its exit status.
    """
    # Ctrl-C ends us without Python's traceback, also amid imports, until a command has something to
    # tidy up: L{onionp2p.cli.running} then catches it.  Who ignores it (nohup) goes on to.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    _openStandardStreams()

    from onionp2p.cli import main as command

    try:
        command(prog_name="onionp2p")
    finally:
        _dropUnwritten()


def _openStandardStreams() -> None:
    """
    See that the three exist, and can take any text.

    Were one closed (C{>&-}), the next file or socket that we open would take its number, and what
    is printed would go there.
    """
    with suppress(OSError):  # a bare chroot has no /dev
        while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
            os.set_inheritable(descriptor, True)
        os.close(descriptor)
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - to the end
            setattr(sys, name, stream)
    if sys.stdout.errors == "strict":  # names of files need not be text
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _dropUnwritten() -> None:
    """
    Have Python not complain, as it ends, of what could not be written: that is reported already.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    main()
