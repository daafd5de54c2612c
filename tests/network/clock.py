# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A tor whose clock jumps.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from onionp2p.tor.program import findTor

__all__ = ["torWithClock"]

_SOURCE = Path(__file__).with_suffix(".c")


def torWithClock(folder: Path, flag: Path, seconds: int) -> Path:
    """
    Make a tor whose clock is wrong from the moment on that a file appears.  As after a sleep of its
    machine, its steady clock (CLOCK_MONOTONIC) goes on as it was.

    @param folder: where to make it.
    @param flag: the file.
    @param seconds: how far the clock is ahead.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler (cc) for the library that moves tor's clock")
    library, program = folder / "clock.so", folder / "tor-with-clock"
    definitions = [f'-DFLAG="{flag}"', f"-DSECONDS={seconds}"]
    subprocess.run(
        [compiler, "-Wall", "-Werror", "-shared", "-fPIC", *definitions, "-o", library, _SOURCE],
        check=True,
    )
    program.write_text(f'#!/bin/sh\nLD_PRELOAD={library} exec {findTor(None)} "$@"\n')
    program.chmod(0o755)
    return program
