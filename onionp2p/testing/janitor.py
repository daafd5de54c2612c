# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Processes and a folder that go with the process that made them, even if that is killed.

Tor goes by itself when its owner does; but a relay may hang on its way out, and who removes
the folder?
"""

from __future__ import annotations

import os
import shutil
import subprocess

from onionp2p.local.forks import closeInChildren, keepInChildren

__all__ = ["Janitor"]

# Reads process ids, and with a minus those to forget, until the end of its standard input, which
# comes with the end of its owner.
_SCRIPT = """
while read -r word; do
    case $word in
        -*) pids=$(for pid in $pids; do [ "-$pid" = "$word" ] || echo "$pid"; done) ;;
        *) pids="$pids $word" ;;
    esac
done
[ -z "$pids" ] || kill -KILL $pids 2>/dev/null
exec rm -rf -- "$1"
"""


class Janitor:
    """
    Removes a folder when told to.  Where this process is gone first, a process of the janitor's own
    does that, and kills those that it was told of.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        theirs, self._leash = os.pipe()
        closeInChildren(self._leash)
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _SCRIPT, "onionp2p-janitor", folder],
                stdin=theirs,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
            )
        finally:
            os.close(theirs)

    def watch(self, pid: int) -> None:
        """
        Have a process killed when this one is gone.
        """
        os.write(self._leash, f"{pid}\n".encode("ascii"))

    def forget(self, pid: int) -> None:
        """
        Take back L{watch}: the process has ended, and its number may become another's.
        """
        if self._process.returncode is None:
            os.write(self._leash, f"-{pid}\n".encode("ascii"))

    def finish(self, *, keep: bool = False) -> None:
        """
        Remove the folder now.

        @param keep: leave it instead.
        """
        if not keep:
            shutil.rmtree(self._folder, ignore_errors=True)
        # Not before: it would finish this, were we killed on the way.
        self._process.kill()
        self._process.wait()
        keepInChildren(self._leash)
        os.close(self._leash)
