# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What figures are worth little without: the machine they are from, and what ran on it.
"""

from __future__ import annotations

import os
import platform
import re
import ssl
import subprocess
from importlib.metadata import version
from pathlib import Path

from cryptography.hazmat.backends.openssl import backend

from onionp2p.tor.program import findTor

__all__ = ["commit", "machine", "versions"]

_TOP = Path(__file__).parent.parent.parent
_PACKAGES = ["Twisted", "txtorcon", "cryptography"]
_SECONDS = 20.0
_KIB_PER_GIB = 2**20
_NONE = "none"


def machine() -> dict[str, str]:
    """
    Tell of this machine: its processor, how many of it there are for us, memory, kernel, system.
    """
    memory = int(_found(r"^MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text()))
    return {
        "processor": _found(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text()),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory / _KIB_PER_GIB:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", _NONE),
    }


def versions() -> dict[str, str]:
    """
    Tell of the programs and libraries; C{none} for those that are not here.
    """
    tor = _said(findTor(None), "--version")
    return {
        "onionp2p": version("onionp2p"),
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        **{package: version(package) for package in _PACKAGES},
        "OpenSSL": f"{ssl.OPENSSL_VERSION.split()[1]} of Python,"
        f" {backend.openssl_version_text().split()[1]} of cryptography,"
        f" {_found(r'OpenSSL ([^, ]+)', tor)} of tor",
        "tor": _found(r"[Vv]ersion (\S*\w)", tor),
        "Node.js": _found(r"v(\S+)", _said("node", "--version")),
        "socat": _found(r"version (\S+)", _said("socat", "-V")),
    }


def commit() -> str:
    """
    Tell which state of this repository is measured; C{none} outside of one.
    """
    name = _said("git", "-C", str(_TOP), "rev-parse", "--short=12", "HEAD").strip()
    changed = _said("git", "-C", str(_TOP), "status", "--porcelain", "--", "onionp2p", "benchmarks")
    return (name or _NONE) + (", with changes" if changed else "")


def _said(*command: str) -> str:
    try:
        ended = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=_SECONDS
        )
    except OSError:
        return ""
    return ended.stdout


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    return found[1].strip() if found else _NONE
