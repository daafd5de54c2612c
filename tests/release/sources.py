# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The sources, as somebody else would get them, and what they build.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["TOP", "buildBoth", "copySources", "python", "sourceFiles"]

TOP = Path(__file__).parents[2]

LITTER = {".hypothesis", ".venv", "__pycache__", "build", "dist", "node_modules"}


def sourceFiles() -> set[str]:
    """
    Name the files that a commit of all that is here would hold; or that an unpacked source
    distribution does, where git knows nothing.
    """
    if not (TOP / ".git").exists():
        there = (path.relative_to(TOP) for path in TOP.rglob("*") if path.is_file())
        return {
            str(path)
            for path in there
            if not LITTER.intersection(path.parts)
            and not path.parts[0].endswith((".egg-info", "_cache"))
            and path.name not in {"PKG-INFO", "dropin.cache"}
        }
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=TOP, check=True, capture_output=True, text=True).stdout
    return {name for name in listed.split("\0") if (TOP / name).is_file()}


def copySources(to: Path, umask: int = 0o022, time: float | None = None) -> Path:
    """
    Copy them as a clone has them.

    @param umask: of who clones: git keeps no permissions but the owner's to execute.
    @param time: when, in seconds since 1970; now, if L{None}.
    """
    for name in sourceFiles():
        copy = to / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(TOP / name, copy)
        copy.chmod((0o777 if os.access(TOP / name, os.X_OK) else 0o666) & ~umask)
        if time is not None:
            os.utime(copy, (time, time))
    return to


def python(*arguments: object, cwd: Path, umask: int = 0o022, **environment: str) -> str:
    """
    Run our interpreter, isolated, with nothing of our environment; return what it prints.
    """
    done = subprocess.run(
        [sys.executable, "-I", *map(str, arguments)],
        cwd=cwd,
        env={"PATH": os.defpath, **environment},
        umask=umask,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def buildBoth(sources: Path, umask: int = 0o022) -> list[Path]:
    """
    Run C{python -m build}, which makes the wheel from the source distribution, without the network;
    return the paths of both in C{dist/}, the wheel first.
    """
    python("-m", "build", "--no-isolation", cwd=sources, umask=umask)
    return sorted((sources / "dist").iterdir())
