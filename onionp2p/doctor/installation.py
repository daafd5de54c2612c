# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Whether what we are made of is here, and only once.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Sequence
from importlib import import_module, metadata

from onionp2p.doctor.finding import Finding, problem, warning, well
from onionp2p.oneline import oneLine

__all__ = ["checkCopies", "checkPackages", "checkPrograms", "checkPython"]

_OLDEST_PYTHON = (3, 11)
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*(?:>=\s*([0-9.]+))?\s*$")
# What a distribution is imported as, down to what was compiled.
_MODULES = {
    "twisted": "twisted.internet.endpoints",
    "cryptography": "cryptography.hazmat.primitives.asymmetric.ed25519",
    "zope.interface": "zope.interface",
}
_SHOWN = {"twisted": "Twisted", "txtorcon": "txtorcon", "cryptography": "cryptography"}


def checkPython(
    version: Sequence[int] = sys.version_info[:3], program: str = sys.executable
) -> list[Finding]:
    """
    Whether this Python is new enough.
    """
    found = f"{'.'.join(map(str, version))} at {program}"
    if tuple(version) >= _OLDEST_PYTHON:
        return [well("python", found)]
    oldest = ".".join(map(str, _OLDEST_PYTHON))
    return [problem("python", f"{found} is too old", f"install Python {oldest} or newer")]


def checkPackages(name: str = "onionp2p") -> list[Finding]:
    """
    Whether what a distribution requires is installed, new enough, and can be imported.
    """
    pip = f"{sys.executable} -m pip install"
    try:
        versions = [f"{name} {metadata.version(name)}"]
        required = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        found = f"{name} is not installed: Python finds its source alone"
        return [problem("packages", found, f"{pip} {name}")]
    findings = []
    for package, oldest in _read(required):
        found, version = _look(package, oldest)
        if found:
            wanted = f"'{package}>={oldest}'" if oldest else package
            findings.append(problem("packages", found, f"{pip} --upgrade {wanted}"))
        elif package.lower() in _SHOWN:
            versions.append(f"{_SHOWN[package.lower()]} {version}")
    return findings or [well("packages", ", ".join(versions))]


def _read(required: Sequence[str]) -> list[tuple[str, str]]:
    """
    Give name and least version of what is always required.
    """
    found = []
    for line in required:
        match = _REQUIREMENT.match(line)  # as none does that is for an extra: "name; extra == …"
        if match is not None:
            found.append((match[1], (match[2] or "").rstrip(".")))
    return found


def _look(package: str, oldest: str) -> tuple[str, str]:
    """
    Say what is wrong with a package, if anything, and which version it is.
    """
    try:
        version = metadata.version(package)
    except metadata.PackageNotFoundError:
        return f"{package} is not installed", ""
    if _numbers(version) < _numbers(oldest):
        return f"{package} {version} is too old: {oldest} is needed", version
    try:
        import_module(_MODULES.get(package.lower(), package))
    except Exception as error:  # noqa: BLE001 - whatever is broken in there
        return f"{package} {version} can't be imported: {error}", version
    return "", version


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"[0-9]+", version)[:3]]


def checkCopies(path: Sequence[str] | None = None) -> list[Finding]:
    """
    Whether there is one of us alone.

    @param path: the folders of Python's modules, by default C{sys.path}.
    """
    copies = []
    for folder in sys.path if path is None else path:
        package = os.path.join(folder or os.curdir, "onionp2p")
        if os.path.isfile(os.path.join(package, "__init__.py")):
            copies.append(os.path.realpath(package))
    used, *hidden = dict.fromkeys(copies) or ["(an import hook's)"]
    if not hidden:
        return [well("installation", used)]
    found = f"{used} is used, and hides {', '.join(hidden)}"
    return [
        warning("installation", found, "keep one: pip uninstall onionp2p, or remove the folder")
    ]


def checkPrograms(ours: str | None = None) -> list[Finding]:
    """
    Whether the C{twistd} that a shell finds is one that knows us.

    @param ours: the folder of this Python's programs, by default where it is.
    """
    folder = os.path.realpath(ours or sysconfig.get_path("scripts"))
    twistd = shutil.which("twistd")
    if twistd is None:
        mine = os.path.join(folder, "twistd")
        return [well("programs", f"no twistd on PATH; it is {mine}")]
    if os.path.dirname(os.path.realpath(twistd)) == folder or _isRunBy(twistd, folder):
        return [well("programs", f"twistd is {twistd}")]
    return [
        warning(
            "programs",
            f"twistd on PATH is {twistd}, of another Python, which may not know onionp2p",
            f"PATH={folder}:$PATH",
        )
    ]


def _isRunBy(script: str, folder: str) -> bool:
    """
    Whether the first line of a script names a Python of that folder.
    """
    try:
        with open(script, "rb") as file:
            first = file.readline(512)
    except OSError:
        return False
    program = oneLine(first.decode("utf-8", "replace")).removeprefix("#!").split(" ")[0]
    # The Python itself may be a link to the system's, that of its folder alone is ours.
    return os.path.realpath(os.path.dirname(program)) == folder
