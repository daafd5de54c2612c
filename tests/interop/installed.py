# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Packages of others, installed once, in the user's cache, and never in the checkout.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

import pytest

HERE = Path(__file__).parent
SECONDS = 280
"""That an installation may take: less than what ends pytest, faulthandler_timeout."""

_failed: dict[Path, str] = {}


class InstallationError(Exception):
    """
    Something could not be installed.
    """


def cannot(why: str) -> NoReturn:
    """
    Fail in continuous integration, where nothing may be missing; elsewhere, skip.
    """
    if os.environ.get("CI"):
        pytest.fail(why, pytrace=False)
    pytest.skip(why)


def programAt(name: str, *, installedWith: str) -> str:
    """
    Give the path of a program.
    """
    path = shutil.which(name)
    if path is None:
        cannot(f"there is no {name} on this machine: {installedWith}")
    return path


def installed(name: str, sources: Sequence[Path], install: Callable[[Path], None]) -> Path:
    """
    Give the folder with what was installed from C{sources}, installing it where nobody has.

    @param install: puts it into a folder.  Whoever wants the same meanwhile waits.
    """
    made_of = b"".join(path.read_bytes() for path in sources)
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "onionp2p"
    caches.mkdir(parents=True, exist_ok=True)
    folder = caches / f"{name}-{sha256(made_of).hexdigest()[:16]}"
    if folder in _failed:  # it would again, after as long
        cannot(_failed[folder])
    with (caches / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        complete = folder / "complete"
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for path in sources:
                shutil.copy(path, folder)
            try:
                install(folder)
            except InstallationError as error:
                _failed[folder] = str(error)
                cannot(str(error))
            complete.touch()
    return folder


def run(*command: str, folder: Path) -> None:
    """
    Run an installer.

    @raise InstallationError: says what it said.
    """
    said = " ".join(command)
    try:
        subprocess.run(
            command, cwd=folder, check=True, capture_output=True, text=True, timeout=SECONDS
        )
    except subprocess.CalledProcessError as error:
        why = (error.stderr or error.stdout).strip()[-1000:]
        raise InstallationError(f"{said} failed: {why}") from None
    except subprocess.TimeoutExpired:
        raise InstallationError(f"{said} was not done after {SECONDS} s") from None


@cache
def pythonWith(requirements: str) -> str:
    """
    Give the path of a Python with packages of its own.

    @param requirements: a file in C{py/}, with the version of each.
    """

    def install(folder: Path) -> None:
        run(sys.executable, "-Im", "venv", str(folder / "venv"), folder=folder)
        pip = (str(folder / "venv/bin/python"), "-Im", "pip", "--disable-pip-version-check")
        run(*pip, "install", "--quiet", "--no-deps", "-r", requirements, folder=folder)

    version = ".".join(map(str, sys.version_info[:2]))
    source = HERE / "py" / requirements
    folder = installed(f"py{version}-{source.stem}", [source], install)
    return str(folder / "venv/bin/python")
