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

from onionp2p.errors import TooFewDescriptors, TorrcRefused
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


# What tor 0.4.9.11 says where "ulimit -n" is 64.
FEW = """#!/bin/sh
cat >/dev/null
echo "Nov 22 13:59:45.000 [notice] Tor 0.4.9.11 running on Linux"
echo "Nov 22 13:59:45.000 [warn] We need 1000 file descriptors available, and we're limited to 64.\
 Please change your ulimit -n."
echo "Nov 22 13:59:45.000 [warn] Failed to parse/validate config: Problem with ConnLimit value."
echo "Nov 22 13:59:45.000 [err] Reading config failed--see warnings above."
exit 1
"""


async def test_tooFewDescriptors(tmp_path: Path) -> None:
    """
    A tor that may open too few files says so, and does not blame a torrc that nobody gave.
    """
    from twisted.internet import reactor

    program = tmp_path / "tor"
    program.write_text(FEW)
    program.chmod(0o755)
    options = TorOptions(program=str(program), state=str(tmp_path / "state"))
    runDirectory = RunDirectory()
    try:
        with pytest.raises(TooFewDescriptors) as caught:
            await launchTor(reactor, options, runDirectory)
    finally:
        runDirectory.remove()
    assert "raise the limit" in str(caught.value)
    assert str(caught.value).endswith("It needs 1000, and may open 64.")
