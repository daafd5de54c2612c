# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What goes with the process that made it.
"""

from __future__ import annotations

import select
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import os, sys
from onionp2p.testing.janitor import Janitor
janitor = Janitor(sys.argv[1])
for pid in sys.argv[2:]:
    janitor.watch(int(pid))
janitor.forget(int(sys.argv[2]))
os.kill(os.getpid(), 9)
"""


def test_afterAKill(tmp_path: Path) -> None:
    """
    When the owner is killed, the processes that it watched are ended and the folder goes; those
    that it forgot are left alone.
    """
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").touch()
    forgotten, watched = (subprocess.Popen(["/bin/sleep", "60"]) for _ in range(2))
    try:
        pids = [str(forgotten.pid), str(watched.pid)]
        subprocess.run([sys.executable, "-c", SCRIPT, str(folder), *pids], check=False)
        assert watched.wait(5) == -9
        # The folder goes after the processes.
        while folder.exists():
            select.select([], [], [], 0.01)
        assert forgotten.poll() is None
    finally:
        for process in (forgotten, watched):
            process.kill()
            process.wait()
