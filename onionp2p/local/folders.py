# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Where things are kept: the folders of the effective user.

C{twistd --uid} changes the user and leaves the environment as it was, so C{$HOME} and the XDG
variables count only while they name something of the user who runs us now; so do those by which
systemd gives a service folders of its own (systemd.exec(5), C{StateDirectory=}).
"""

from __future__ import annotations

import os
import pwd
import tempfile
from collections.abc import Iterator
from contextlib import suppress

__all__ = ["expandHome", "runtimeFolders", "stateFolder"]


def _isOurs(path: str) -> bool:
    """
    Whether the effective user owns C{path} or, where it does not exist yet, what it would be in.
    """
    while not os.path.lexists(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    try:
        return os.stat(path).st_uid == os.geteuid()
    except OSError:
        return False


def _home() -> str:
    home = os.environ.get("HOME", "")
    if os.path.isabs(home) and _isOurs(home):
        return home
    try:
        return pwd.getpwuid(os.geteuid()).pw_dir
    except KeyError:  # a user id without a name, as containers have
        return home or "/"


def _ofService(variable: str) -> str:
    """
    Give the first of the folders that systemd has named.
    """
    return os.environ.get(variable, "").partition(":")[0]


def expandHome(path: str) -> str:
    """
    Replace C{~} at the beginning of C{path} by the effective user's home.
    """
    if path == "~" or path.startswith("~/"):
        return _home() + path[1:]
    return path


def stateFolder() -> str:
    """
    Give the folder that keeps our tors' guards and cached directories from one start to the next:
    C{$ONIONP2P_STATE}, else one in the service's state directory (systemd) or the user's (XDG).
    """
    ours = os.environ.get("ONIONP2P_STATE")
    if ours:
        return os.path.abspath(expandHome(ours))
    for state in (_ofService("STATE_DIRECTORY"), os.environ.get("XDG_STATE_HOME", "")):
        if os.path.isabs(state) and _isOurs(state):
            return os.path.join(state, "onionp2p")
    return os.path.join(_home(), ".local", "state", "onionp2p")


def runtimeFolders() -> Iterator[str]:
    """
    Give the folders that a private one for sockets may be made in, best first.
    """
    for runtime in (_ofService("RUNTIME_DIRECTORY"), os.environ.get("XDG_RUNTIME_DIR", "")):
        if os.path.isabs(runtime) and os.path.isdir(runtime) and _isOurs(runtime):
            yield runtime
    with suppress(FileNotFoundError):  # nothing can be written to, the current folder included
        yield tempfile.gettempdir()
    yield "/tmp"  # noqa: S108 - short, where $TMPDIR is too long for a socket
