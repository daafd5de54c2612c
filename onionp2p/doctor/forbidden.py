# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Why a file of a running tor's can't be used by us, and the commands that change it.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat

from onionp2p.doctor.platforms import RESTART_TOR
from onionp2p.local.files import UnfitFile, openRegular
from onionp2p.tor.access import Barrier, userName, whatBars
from onionp2p.tor.authentication import PASSWORD_VARIABLE

__all__ = ["explain", "whyNoCookie", "whyNoSocket"]

_COOKIE_BYTES = 32
_ROOT = 0


def whyNoCookie(path: str) -> tuple[str, str]:
    """
    Say why a tor's cookie is of no use here.  Nothing of it is read.

    @return: what was found, and what to do.
    """
    if not os.path.isabs(path):
        return "it does not say where its cookie is", f"CookieAuthFile in its torrc; {RESTART_TOR}"
    barrier = whatBars(path, os.R_OK)
    if barrier is not None:
        where = f"its cookie {path} can't be read by {userName()}"
        torrc = "CookieAuthFileGroupReadable 1"
        if barrier.isOnTheWay:
            torrc += " and CookieAuthFile in a folder for its group (Debian has /run/tor)"
        return explain(where, barrier, torrc)
    try:
        descriptor = openRegular(path)
    except UnfitFile as unfit:
        remedy = "its mode lets us; AppArmor or SELinux may not: journalctl -k -g denied"
        if not _isRegular(path):
            remedy = (
                f"CookieAuthFile in its torrc, with the path of a file that it makes; {RESTART_TOR}"
            )
        return f"its cookie {path} can't be read: {unfit}", remedy
    if descriptor is None:
        found = (
            f"its cookie {path} is not here: that tor is in a container, a chroot or a private /tmp"
        )
        share = f"share the folder {os.path.dirname(path)} with this program"
        return (
            found,
            f"{share}; or give that tor a HashedControlPassword, and us {PASSWORD_VARIABLE}",
        )
    try:
        length = os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
    if length != _COOKIE_BYTES:
        found = f"its cookie {path} has {length} bytes, and not {_COOKIE_BYTES}"
        return found, f"have tor write it anew: {RESTART_TOR}"
    return f"its cookie {path} can be read now", "try again"


def _isRegular(path: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def whyNoSocket(path: str) -> tuple[str, str]:
    """
    Say why we may not connect to a tor's control socket.

    @return: what was found, and what to do.
    """
    where = f"its control socket {path} can't be used by {userName()}"
    barrier = whatBars(path, os.W_OK)
    if barrier is not None:
        return explain(
            where, barrier, "GroupWritable at the end of its ControlPort or ControlSocket"
        )
    return where, "its mode lets us; AppArmor or SELinux may not: journalctl -k -g denied"


def explain(where: str, barrier: Barrier, torrc: str) -> tuple[str, str]:
    """
    Say who may, and how we get to be one of them.

    @param where: what we may not use.
    @param torrc: the lines by which tor lets in a group.

    @return: what was found, and what to do.
    """
    what = f"its folder {barrier.path}" if barrier.isOnTheWay else "it"
    user = userName()
    # Nobody should be made a member of root's group.
    if not barrier.forGroup or barrier.groupID == _ROOT:
        found = f"{where}: {what} is for its owner {barrier.owner} alone"
        share = f"{torrc} in its torrc, then {RESTART_TOR}, then run this again for the group"
        return found, f"{share}; or run this program as {barrier.owner}"
    found = f"{where}: {what} is for the group {barrier.group}"
    if _isMember(user, barrier):
        found += f", which {user} has joined, but not before this session began"
        once = f"for one command: sg {barrier.group} -c 'COMMAND'"
        return found, f"log out and in again, or restart the service; {once}"
    found += f", of which {user} is no member"
    join = f"sudo usermod -aG {barrier.group} {user}, then log out and in again"
    return found, f"{join} (a systemd unit: SupplementaryGroups={barrier.group})"


def _isMember(user: str, barrier: Barrier) -> bool:
    """
    Whether the system's lists have a user in a group, whatever this process has.
    """
    try:
        return (
            user in grp.getgrgid(barrier.groupID).gr_mem
            or pwd.getpwnam(user).pw_gid == barrier.groupID
        )
    except KeyError:
        return False
