# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Why this user can't get at a file of tor's, and what its administrator can do about it.
"""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass

__all__ = ["Barrier", "mayWrite", "userName", "whatBars", "whoMayRead", "whoMayWrite"]


@dataclass(frozen=True)
class Barrier:
    """
    What keeps this user from a file.

    @ivar path: the file itself, or the outermost folder on the way that does not let us in.
    @ivar isOnTheWay: whether it is such a folder.
    @ivar owner: the name of its owner, or the number of one without.
    @ivar groupID: the number of its group.
    @ivar group: the name of that, or the number of one without.
    @ivar forGroup: whether those in that group may do what we may not.
    """

    path: str
    isOnTheWay: bool
    owner: str
    groupID: int
    group: str
    forGroup: bool


def whatBars(path: str, wanted: int) -> Barrier | None:
    """
    Find out what keeps us from a file.

    @param wanted: C{os.R_OK} or C{os.W_OK}; to connect to a socket is to write.

    @return: L{None} if there is nothing, or no such file.
    """
    for folder in _folders(path):
        if not _allowed(folder, os.X_OK):
            return _barrier(folder, os.X_OK, isOnTheWay=True)
    return None if _allowed(path, wanted) else _barrier(path, wanted, isOnTheWay=False)


def mayWrite(path: str) -> bool:
    """
    Whether we can write to a file, or connect to a socket.
    """
    return _allowed(path, os.W_OK)


def whoMayRead(path: str) -> str:
    """
    Say what would let us read a file, or nothing if we can.
    """
    return _advice(whatBars(path, os.R_OK))


def whoMayWrite(path: str) -> str:
    """
    Say what would let us write to a file, or connect to a socket, or nothing if we can.
    """
    return _advice(whatBars(path, os.W_OK))


def userName() -> str:
    """
    Give the name of the effective user, or the number of one without.
    """
    return _user(os.geteuid())


def _folders(path: str) -> list[str]:
    """
    Give the folders that lead to a path, outermost first.
    """
    found: list[str] = []
    while os.path.dirname(path) != path:
        path = os.path.dirname(path)
        found.insert(0, path)
    return found


def _allowed(path: str, wanted: int) -> bool:
    return os.access(path, wanted, effective_ids=os.access in os.supports_effective_ids)


def _barrier(path: str, wanted: int, *, isOnTheWay: bool) -> Barrier | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return Barrier(
        path=path,
        isOnTheWay=isOnTheWay,
        owner=_user(status.st_uid),
        groupID=status.st_gid,
        group=_group(status.st_gid),
        forGroup=bool(status.st_mode & wanted << 3),  # rwx of the group are the bits above others'
    )


def _advice(barrier: Barrier | None) -> str:
    if barrier is None:
        return ""
    sentence = "Its folder {} lets in {}." if barrier.isOnTheWay else "{} is for {}."
    if not barrier.forGroup:
        return sentence.format(barrier.path, f"its owner {barrier.owner} alone") + (
            " Have tor share it with a group (CookieAuthFileGroupReadable 1, GroupWritable at the"
            " end of its ControlPort), or run this program as that user."
        )
    return sentence.format(barrier.path, f"the group {barrier.group}") + (
        f' Add this user to that group ("usermod -aG {barrier.group} {userName()}"), and log in'
        " anew."
    )


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
