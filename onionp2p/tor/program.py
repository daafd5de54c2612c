# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The tor program: where it is, and which versions will do.
"""

from __future__ import annotations

import os
import re
import shutil

from onionp2p.errors import TorNotFound, TorTooOld
from onionp2p.local.folders import expandHome

__all__ = ["OLDEST", "checkVersion", "findTor"]

# Daemons are installed where the PATH of an ordinary user often does not lead.
_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin", "/sbin")
OLDEST = (0, 4, 8)
_VERSION = re.compile(r"\bTor (?:version )?(\d{1,4})\.(\d{1,4})\.(\d{1,4})\S*(?= |$)", re.ASCII)


def findTor(path: str | None) -> str:
    """
    Give the absolute path of the tor program: C{path}, C{$ONIONP2P_TOR}, or the first on C{PATH}
    and in the folders of daemons.

    @raise TorNotFound: if there is none.
    """
    named = path or os.environ.get("ONIONP2P_TOR")
    if named:
        program = os.path.abspath(expandHome(named))
        if not (os.path.isfile(program) and os.access(program, os.X_OK)):
            raise TorNotFound(f"{program} is not a program.")
        return program
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), *_FOLDERS])
    found = shutil.which("tor", path=search)
    if found is None:
        raise TorNotFound
    return os.path.abspath(found)


def checkVersion(text: str) -> None:
    """
    Look for a tor's version in what it says of itself: C{Tor 0.4.9.11 running on Linux…}, or
    C{Tor version 0.4.9.11.}.

    @raise TorTooOld: if there is one, and it is below 0.4.8.
    """
    match = _VERSION.search(text)
    if match and tuple(map(int, match.groups())) < OLDEST:
        raise TorTooOld(f"This one says: {match.group().rstrip('.')}.")
