# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Launching a tor: what keeps it from starting.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

from onionp2p.errors import TorrcRefused
from onionp2p.options import TorOptions
from onionp2p.testing import MemoryReactor
from onionp2p.tor.launch import launchTor
from onionp2p.tor.rundir import RunDirectory


@pytest.mark.parametrize(
    ("torrc", "reason"),
    [("/dev/zero", "it is not a regular file"), ("/dev/null", "it is not a regular file")],
)
def test_torrc(torrc: str, reason: str, tmp_path: Path) -> None:
    """
    A torrc that has no end, or is no file, is refused before anything is started.
    """
    reactor = MemoryReactor()
    reactor.start()
    options = TorOptions(program=sys.executable, torrc=torrc, state=str(tmp_path / "state"))
    runDirectory = RunDirectory()
    try:
        launched = Deferred.fromCoroutine(launchTor(reactor, options, runDirectory))
        with pytest.raises(TorrcRefused, match=f"{torrc} can't be read: {reason}"):
            reactor.resultOf(launched)
    finally:
        runDirectory.remove()
    assert not (tmp_path / "state").exists()
