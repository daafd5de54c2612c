# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Why this user can't get at a file of tor's, and what its administrator can do about it.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat

__all__ = ["mayWrite", "whoMayRead", "whoMayWrite"]


def mayWrite(path: str) -> bool:
    """
    Whether we can write to a file, or connect to a socket.
    """
    return _allowed(path, os.W_OK)


def whoMayRead(path: str) -> str:
    """
    Say what would let us read a file, or nothing if we can.
    """
    return _advice(path, os.R_OK, stat.S_IRGRP)


def whoMayWrite(path: str) -> str:
    """
    Say what would let us write to a file, or connect to a socket, or nothing if we can.
    """
    return _advice(path, os.W_OK, stat.S_IWGRP)


def _advice(path: str, wanted: int, bit: int) -> str:
    for folder in _folders(path):
        if not _allowed(folder, os.X_OK):
            return _say(folder, "Its folder {} lets in {}.", stat.S_IXGRP)
    if _allowed(path, wanted):
        return ""
    return _say(path, "{} is for {}.", bit)


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


def _say(path: str, sentence: str, bit: int) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return ""
    owner = _user(status.st_uid)
    group = _group(status.st_gid)
    if not status.st_mode & bit:
        return sentence.format(path, f"its owner {owner} alone") + (
            " Have tor share it with a group (CookieAuthFileGroupReadable 1,"
            " ControlSocketsGroupWritable 1), or run this program as that user."
        )
    return sentence.format(path, f"the group {group}") + (
        f' Add this user to that group ("usermod -aG {group} {_user(os.geteuid())}"), and log in'
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
