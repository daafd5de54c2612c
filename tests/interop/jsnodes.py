# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
js-libp2p: installed as its lock file says, and run by the Node.js of this machine.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from tests.interop.installed import HERE, cannot, installed, programAt, run

OLDEST = (18, 18)
"""The first Node.js that has C{--import}; Debian 12 has 18.20."""

_SCRIPTS = HERE / "js"
_EXAMPLES = HERE.parent.parent / "docs" / "examples" / "libp2p-nodes"
_FROM_WHERE = "apt-get install nodejs npm, or nodejs.org"


@cache
def nodeProgram() -> str:
    """
    Give the path of Node.js, if it is new enough.
    """
    path = programAt("node", installedWith=_FROM_WHERE)
    said = subprocess.run(
        [path, "--version"], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    version = re.match(r"v(\d+)\.(\d+)\.", said)
    if version is None or (int(version[1]), int(version[2])) < OLDEST:
        cannot(f"Node.js 18.18 or later is needed; here is {said.strip()}: {_FROM_WHERE}")
    return path


@cache
def nodePackages() -> Path:
    """
    Give the folder C{node_modules}: what package-lock.json names, and none of its scripts run.
    """

    def install(folder: Path) -> None:
        npm = programAt("npm", installedWith=_FROM_WHERE)
        options = (
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--prefer-offline",
            "--fetch-retries=1",
        )
        run(npm, "ci", *options, folder=folder)

    sources = [_SCRIPTS / "package.json", _SCRIPTS / "package-lock.json"]
    return installed("js-libp2p", sources, install) / "node_modules"


def nodeCommand(folder: Path, script: str) -> tuple[str, ...]:
    """
    Give the command that runs a script of the documentation or of C{js/}, of which all are put into
    C{folder}: modules are looked for beside them.
    """
    if not (folder / "node_modules").is_symlink():
        (folder / "node_modules").symlink_to(nodePackages())
        for path in [*_EXAMPLES.glob("*.mjs"), *_SCRIPTS.glob("*.mjs")]:
            shutil.copy(path, folder)
    older = (folder / "older-node.mjs").as_uri()
    return nodeProgram(), f"--import={older}", str(folder / script)
