# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How things are done on this system: commands to copy.
"""

from __future__ import annotations

import sys

from onionp2p.local.places import Place

__all__ = [
    "RESTART_TOR",
    "SET_CLOCK",
    "START_TOR",
    "TOR_LOG",
    "installCommand",
    "systemKinds",
    "whoListens",
]

_IS_MACOS = sys.platform == "darwin"
START_TOR = "brew services start tor" if _IS_MACOS else "sudo systemctl start tor"
RESTART_TOR = "brew services restart tor" if _IS_MACOS else "sudo systemctl restart tor"
TOR_LOG = (
    "tail -n 50 $(brew --prefix)/var/log/tor.log" if _IS_MACOS else "journalctl -u 'tor*' -n 50"
)
SET_CLOCK = "sudo sntp -sS time.apple.com" if _IS_MACOS else "sudo timedatectl set-ntp true"

_COMMANDS = {
    "debian": "sudo apt install {}",
    "ubuntu": "sudo apt install {}",
    "fedora": "sudo dnf install {}",
    "rhel": "sudo dnf install {}",
    "suse": "sudo zypper install {}",
    "arch": "sudo pacman -S {}",
    "alpine": "sudo apk add {}",
    "macos": "brew install {}",
}
_LONGEST = 1 << 16


def systemKinds(path: str = "/etc/os-release") -> list[str]:
    """
    Name this system, and then those that it is like (os-release(5)).
    """
    if _IS_MACOS:
        return ["macos"]
    try:
        with open(path, "rb") as file:
            text = file.read(_LONGEST).decode("utf-8", "replace")
    except OSError:
        return []
    pairs = [line.partition("=") for line in text.splitlines()]
    fields = {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}
    return f"{fields.get('ID', '')} {fields.get('ID_LIKE', '')}".split()


def installCommand(package: str, kinds: list[str] | None = None) -> str:
    """
    Give the command that installs a package here.

    @param kinds: the system's names, by default those of this one.
    """
    for kind in systemKinds() if kinds is None else kinds:
        if kind in _COMMANDS:
            return _COMMANDS[kind].format(package)
    return f"install the package {package}"


def whoListens(where: Place) -> str:
    """
    Give the command that tells who listens at a place.
    """
    if _IS_MACOS:
        return f"lsof -nP {where.path or f'-iTCP:{where.port}'}"
    return f"ss -lxp | grep {where.path}" if where.path else f"ss -ltnp 'sport = :{where.port}'"
