# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What becomes of a process whose service could not do its work.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TAC = """
from twisted.application.service import Application, Service
from twisted.internet import reactor
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater

from onionp2p.ping.service import ListeningService

class Failing:
    def listen(self, factory):
        def refuse():
            raise CannotListenError("any", 7777, "no")
        return deferLater(reactor, {delay}, refuse)

class Other(Service):
    def stopService(self):
        return deferLater(reactor, 0.05, print, "the other service was stopped")

application = Application("failing")
ListeningService(reactor, Failing(), Factory()).setServiceParent(application)
Other().setServiceParent(application)
"""


def twistd(folder: Path, delay: float) -> subprocess.CompletedProcess[str]:
    """
    Run a twistd whose service fails to listen after C{delay} seconds.
    """
    (folder / "failing.tac").write_text(TAC.format(delay=delay))
    command = "from twisted.scripts.twistd import run; run()"
    return subprocess.run(
        [sys.executable, "-c", command, "-n", "--pidfile=twistd.pid", "-y", "failing.tac"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )


def test_twistd(tmp_path: Path) -> None:
    """
    It says why, stops its services in good order, removes its pid file, and exits with 1.
    """
    result = twistd(tmp_path, 0.05)
    assert result.returncode == 1
    assert "not listening: Couldn't listen on any:7777: no." in result.stdout
    assert "Traceback" not in result.stdout + result.stderr
    assert "the other service was stopped" in result.stdout
    assert "Server Shut Down." in result.stdout
    assert os.listdir(tmp_path) == ["failing.tac"]
