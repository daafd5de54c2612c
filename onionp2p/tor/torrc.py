# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The configuration of a tor that we launch: our lines, and what may stand beneath them.

Our lines come on tor's standard input and win over those of C{--defaults-torrc}, which holds
what remains of the user's C{torrc=} and C{defaultstorrc=} (design §2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["UserLines", "filterUserLines", "renderTorrc"]

# What would make tor listen, log, run or keep state in another way than we need.  A tor takes an
# option's name in any case, and cut short as long as it is unambiguous.
_OURS = (
    "user",
    "runasdaemon",
    "pidfile",
    "log",
    "control",
    "cookie",
    "hashedcontrolpassword",
    "socks",
    "datadirectory",
    "hiddenservice",
    "%include",
    "__",
)
_SHORTEST_ABBREVIATION = 3
_CONTINUED = re.compile(r"\\\r?\n")


@dataclass(frozen=True)
class UserLines:
    """
    What may go to tor of a torrc that we did not write.

    @ivar text: the lines kept.
    @ivar leftOut: the names of the options left out, in the order of the file.
    @ivar foreignAuthorities: whether it replaces the Tor network's authorities by others that
        are not those of a testing network.
    @ivar plugins: whether tor must be allowed to start pluggable transports.
    """

    text: str
    leftOut: tuple[str, ...]
    foreignAuthorities: bool
    plugins: bool


def filterUserLines(text: str) -> UserLines:
    """
    Leave out of a torrc what we must decide ourselves.
    """
    kept: list[str] = []
    leftOut: list[str] = []
    names: set[str] = set()
    for line in _CONTINUED.sub(" ", text).splitlines():
        words = line.split(maxsplit=1)
        if not words or words[0].startswith("#"):
            continue
        name = words[0].lstrip("+/")
        if _isOurs(name.lower()):
            leftOut.append(name)
        else:
            kept.append(line.strip())
            names.add(name.lower())
    return UserLines(
        text="".join(line + "\n" for line in kept),
        leftOut=tuple(dict.fromkeys(leftOut)),
        foreignAuthorities=bool({"dirauthority", "alternatedirauthority"} & names)
        and "testingtornetwork" not in names,
        plugins="clienttransportplugin" in names,
    )


def _isOurs(name: str) -> bool:
    return any(
        name.startswith(ours) or (len(name) >= _SHORTEST_ABBREVIATION and ours.startswith(name))
        for ours in _OURS
    )


def _quote(path: str) -> str:
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'


def renderTorrc(
    *, stateDirectory: str, socksPath: str, owningDescriptor: int, plugins: bool = False
) -> str:
    """
    Give our own lines.

    @param stateDirectory: tor's DataDirectory.
    @param socksPath: the UNIX socket for dials, in a folder of mode 0700.
    @param owningDescriptor: tor's end of the control connection; tor goes when the other
        end does.
    @param plugins: let tor start the pluggable transports of the user's lines.
    """
    lines = [
        f"DataDirectory {_quote(stateDirectory)}",
        f"__OwningControllerFD {owningDescriptor}",
        "__ReloadTorrcOnSIGHUP 0",
        "ControlPort 0",
        f"SocksPort unix:{_quote(socksPath)} OnionTrafficOnly IsolateSOCKSAuth ExtendedErrors",
        "SafeSocks 1",
        "SafeLogging 1",
        "Log notice stdout",
        "ClientOnly 1",
        "DisableDebuggerAttachment 1",
        "HiddenServiceSingleHopMode 0",
        "HiddenServiceNonAnonymousMode 0",
        "VanguardsLiteEnabled 1",
        "DormantCanceledByStartup 1",
    ]
    if not plugins:
        lines.append("NoExec 1")
    return "".join(line + "\n" for line in lines)
