# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The configuration of a tor that we launch: our lines, and what may stand beneath them.

Our lines come on tor's standard input and win over those of C{--defaults-torrc}, which holds
what remains of the user's C{torrc=} and C{defaultstorrc=}.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["LONGEST", "UserLines", "filterUserLines", "quotePath", "renderTorrc"]

# What would make tor listen, log, run or keep state in another way than we need: names, and
# beginnings of names.  A tor takes a name in any case, and cut short as long as it is unambiguous.
_OURS = (
    "user",
    "runasdaemon",
    "pidfile",
    "log",
    "control*",
    "cookie*",
    "hashedcontrolpassword",
    "socksport",
    "sockslistenaddress",
    "sockspolicy",
    "sockstimeout",
    "transport*",
    "dnsport",
    "natdport",
    "httptunnelport",
    "metricsport",
    "orport",
    "dirport",
    "extorport",
    "datadirectory",
    "cachedirectory",
    "keydirectory",
    "avoiddiskwrites",
    "hiddenservice*",
    "__*",
)
LONGEST = 1 << 20
"""Bytes that a torrc may hold."""

_TESTING = ["testingtornetwork", "1"]


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

    @raise ValueError: if it includes other files, in which anything might stand.
    """
    kept: list[str] = []
    leftOut: list[str] = []
    names: set[str] = set()
    isTesting = False
    for line in _logicalLines(text):
        words = line.split()
        name = words[0].lstrip("+/")
        if name.lower() == "%include":
            raise ValueError("it has %include: put the lines of that file into it instead")
        if _isOurs(name.lower()):
            leftOut.append(name)
        else:
            kept.append(line.strip())
            names.add(name.lower())
            isTesting = isTesting or [word.lower() for word in words] == _TESTING
    return UserLines(
        text="".join(line + "\n" for line in kept),
        leftOut=tuple(dict.fromkeys(leftOut)),
        foreignAuthorities=bool({"dirauthority", "alternatedirauthority"} & names)
        and not isTesting,
        plugins="clienttransportplugin" in names,
    )


def _logicalLines(text: str) -> Iterator[str]:
    """
    Give the lines that say something, those that end with a backslash joined with the next.
    """
    begun = ""
    for line in text.splitlines():
        if line.lstrip().startswith("#"):  # which no backslash continues
            continue
        if line.endswith("\\"):
            begun += line[:-1]
            continue
        whole, begun = begun + line, ""
        if whole.strip():
            yield whole
    if begun.strip():
        yield begun


def _isOurs(name: str) -> bool:
    for ours in _OURS:
        if ours.endswith("*") and name.startswith(ours[:-1]):
            return True
        if ours.startswith(name):
            return True
    return False


def quotePath(path: str) -> str:
    """
    Write a path as a value of a torrc.
    """
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
        f"DataDirectory {quotePath(stateDirectory)}",
        f"__OwningControllerFD {owningDescriptor}",
        "__ReloadTorrcOnSIGHUP 0",
        "ControlPort 0",
        f"SocksPort unix:{quotePath(socksPath)} OnionTrafficOnly IsolateSOCKSAuth ExtendedErrors",
        # A dial has the deadline that its user gave; with proof of work it may need minutes.
        "SocksTimeout 86400",
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
