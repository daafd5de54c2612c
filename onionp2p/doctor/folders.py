# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The folders that our tor and we need: for its state, and for the sockets between us.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator

from onionp2p.doctor.finding import Finding, problem, warning, well
from onionp2p.errors import TorError
from onionp2p.local.folders import expandHome, runtimeFolders, stateFolder
from onionp2p.local.processes import isAlive
from onionp2p.tor.access import userName
from onionp2p.tor.rundir import RunDirectory

__all__ = ["checkRunFolder", "checkState", "holder"]

_MEGABYTE = 1 << 20
# What tor's cached directory takes, and its next one beside it.
_ENOUGH = 200 * _MEGABYTE
_MOST_NAMES = 10_000
_LONGEST_PID = 20


def checkState(named: str | None = None) -> list[Finding]:
    """
    Whether tor's state can be kept.

    @param named: what C{state=} names, if it does.
    """
    path = os.path.abspath(expandHome(named)) if named else stateFolder()
    way = "state=" if named else "$ONIONP2P_STATE" if os.environ.get("ONIONP2P_STATE") else ""
    elsewhere = "name a folder of your own: ONIONP2P_STATE=DIR, or state=DIR in the string"
    there = _nearest(path)
    try:
        status = os.stat(there)
    except OSError as error:
        return [problem("state", f"{there}: {error.strerror}", elsewhere)]
    if not stat.S_ISDIR(status.st_mode):
        return [problem("state", f"{there} is no folder", elsewhere)]
    # Nobody says how it came to be: by sudo, say, with the HOME of somebody else.
    if there == path and status.st_uid != os.geteuid():
        remedy = f"sudo chown -R {userName()} {shlex.quote(path)}; or {elsewhere}"
        return [problem("state", f"{path} belongs to user {status.st_uid}", remedy)]
    isReadOnly = _isReadOnly(there)
    if isReadOnly or not os.access(there, os.W_OK | os.X_OK):
        found, remedy = f"{there} can't be written to by {userName()}", elsewhere
        if isReadOnly:
            found = f"{there} is on a file system that is read-only"
        elif status.st_uid == os.geteuid():
            remedy = f"chmod u+rwx {shlex.quote(there)}"
        return [problem("state", found, remedy)]
    if full := _full(there):
        return [full]
    found = f"{path}{f' (by {way})' if way else ''}"
    if there != path:
        found += ", made at the first start"
    return [_judgeUse(path, found, isNamed=bool(named))]


def _nearest(path: str) -> str:
    """
    Give the path itself or, where there is none, the folder that it would be made in.
    """
    while not os.path.lexists(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return path


def _isReadOnly(folder: str) -> bool:
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except OSError:  # which is told where its space is
        return False


def _full(folder: str) -> Finding | None:
    try:
        system = os.statvfs(folder)
    except OSError as error:
        return warning("state", f"{folder}: {error.strerror}", f"df {shlex.quote(folder)}")
    see = f"df -h {shlex.quote(folder)}; df -i {shlex.quote(folder)}"
    free = system.f_bavail * system.f_frsize
    if free < _MEGABYTE or (system.f_files and system.f_favail == 0):
        return problem("state", f"the disk of {folder} is full", see)
    if free < _ENOUGH:
        found = f"the disk of {folder} has {free // _MEGABYTE} MB left, and tor may need"
        return warning("state", f"{found} {_ENOUGH // _MEGABYTE}", see)
    return None


def _judgeUse(path: str, found: str, *, isNamed: bool) -> Finding:
    folders = [path] if isNamed else [os.path.join(path, name) for name in _names(path, "tor-")]
    pids = [pid for folder in folders if (pid := holder(folder, "onionp2p.lock"))]
    busy = [pid for pid in pids if isAlive(pid)]
    if isNamed and busy:
        remedy = f"give each program a state= of its own, or none; who it is: ps -p {busy[0]}"
        return problem("state", f"{path} is in use by process {busy[0]}", remedy)
    if busy:
        found += f"; in use by process {', '.join(map(str, sorted(busy)))}"
    if len(busy) < len(pids):
        found += f"; {len(pids) - len(busy)} left by killed processes, which the next start takes"
    return well("state", found)


def _names(folder: str, prefix: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry, _ in zip(entries, range(_MOST_NAMES), strict=False)]
    except OSError:
        return []
    return sorted(name for name in names if name.startswith(prefix))


def holder(folder: str, name: str) -> int | None:
    """
    Give the id of the process that has, or had, the lock of a folder; L{None} if nobody has.  The
    lock is not touched, so that nobody who starts just now finds it taken.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(os.path.join(folder, name), flags)
    except OSError:
        return None
    try:
        text = os.read(descriptor, _LONGEST_PID).strip()
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return int(text) if text.isdigit() else None


def checkRunFolder() -> list[Finding]:
    """
    Whether a folder for sockets can be made, by making one; like every start of ours, this sweeps
    away what killed processes have left.
    """
    left = list(_leftBehind())
    try:
        directory = RunDirectory()
    except TorError as error:
        remedy = f"XDG_RUNTIME_DIR=DIR, a folder of {userName()}'s with a short path"
        return [problem("run folder", error.detail, remedy)]
    parent = os.path.dirname(directory.path)
    directory.remove()
    found = f"a folder for sockets can be made in {parent}"
    wanted = os.environ.get("XDG_RUNTIME_DIR", "")
    if wanted and os.path.realpath(wanted) != os.path.realpath(parent):
        found += f", not in $XDG_RUNTIME_DIR ({wanted}: not ours, or its path is too long)"
    if swept := [path for path in left if not os.path.lexists(path)]:
        found += f"; swept {len(swept)} that killed processes had left"
    if _othersMayRename(parent):
        remedy = f"sudo chmod +t {shlex.quote(parent)}, or XDG_RUNTIME_DIR=DIR of your own"
        found = f"{parent}, where our sockets would be, lets others rename our folder there"
        return [warning("run folder", found, remedy)]
    return [well("run folder", found)]


def _leftBehind() -> Iterator[str]:
    """
    Give the folders of processes that are gone.
    """
    for parent in dict.fromkeys(runtimeFolders()):
        for name in _names(parent, "onionp2p-"):
            path = os.path.join(parent, name)
            pid = holder(path, "lock")
            if pid is not None and not isAlive(pid):
                yield path


def _othersMayRename(parent: str) -> bool:
    try:
        mode = os.stat(parent).st_mode
    except OSError:
        return False
    return bool(mode & 0o022) and not mode & stat.S_ISVTX
