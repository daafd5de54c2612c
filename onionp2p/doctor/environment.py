# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What the environment says to us: of another day, perhaps.
"""

from __future__ import annotations

import os
import shutil

from onionp2p.doctor.finding import Finding, problem, warning, well
from onionp2p.doctor.platforms import installCommand
from onionp2p.local.files import UnfitFile, readText
from onionp2p.local.folders import expandHome
from onionp2p.tor.authentication import PASSWORD_VARIABLE
from onionp2p.tor.torrc import LONGEST, UserLines, filterUserLines

__all__ = ["checkTorrc", "checkVariables", "isOffline", "isPrivate"]

_SHOWN = ("ONIONP2P_STATE", "ONIONP2P_TOR", "ONIONP2P_TORRC")
_SECRET = (PASSWORD_VARIABLE, "ONIONP2P_KEY_PASSPHRASE")


def checkVariables() -> list[Finding]:
    """
    Which of our variables are set; secrets are not shown.
    """
    found = [f"{name}={os.environ[name]}" for name in _SHOWN if os.environ.get(name)]
    found += [f"{name} is set" for name in _SECRET if os.environ.get(name)]
    home, ours = os.environ.get("HOME", ""), expandHome("~")
    if home != ours:
        found.append(f"HOME={home or '(nothing)'} is not this user's, and {ours} is taken instead")
    return [well("environment", "; ".join(found) or "none of our variables is set")]


def checkTorrc(named: str | None = None) -> list[Finding]:
    """
    Whether the lines for our tor will do, and lead to where one may think.

    @param named: what C{torrc=} names, if it does.
    """
    path = named or os.environ.get("ONIONP2P_TORRC")
    if not path:
        return []
    way, undo = ("torrc=", "leave out torrc=") if named else ("$ONIONP2P_TORRC", _UNSET)
    path = os.path.abspath(expandHome(path))
    try:
        lines = filterUserLines(readText(path, LONGEST))
    except UnfitFile as error:
        return [problem("torrc", f"{way} names {path}: {error}", undo)]
    except ValueError as error:
        return [problem("torrc", f"{way} names {path}: {error}", f"mend that file, or {undo}")]
    found = []
    if isOffline(lines):
        found.append(warning("torrc", f"{path} ({way}) keeps our tor off every network", undo))
    if isPrivate(lines):
        said = f"{path} ({way}) leads to a private network, not to the Tor network"
        found.append(warning("torrc", said, f"{undo}, unless you test"))
    elif lines.foreignAuthorities:
        said = f"{path} ({way}) leads to another network than Tor's, by DirAuthority"
        found.append(warning("torrc", said, undo))
    found += _checkPlugins(lines)
    left = f", without {', '.join(lines.leftOut)}" if lines.leftOut else ""
    return found or [well("torrc", f"the lines of {path} ({way}) are taken{left}")]


_UNSET = "unset ONIONP2P_TORRC"


def isOffline(lines: UserLines) -> bool:
    """
    Whether a tor with these lines does not even try to reach its network.
    """
    return ["disablenetwork", "1"] in _words(lines)


def isPrivate(lines: UserLines) -> bool:
    """
    Whether they are those of a testing network.
    """
    return ["testingtornetwork", "1"] in _words(lines)


def _words(lines: UserLines) -> list[list[str]]:
    return [line.lower().split()[:2] for line in lines.text.splitlines()]


def _checkPlugins(lines: UserLines) -> list[Finding]:
    """
    Whether the programs of pluggable transports are here.
    """
    found = []
    for line in lines.text.splitlines():
        words = line.split()
        if words[0].lower() != "clienttransportplugin" or words[2:3] != ["exec"] or not words[3:]:
            continue
        if shutil.which(words[3]) is None:
            said = f"the transport {words[1]} needs {words[3]}, which is no program here"
            package = os.path.basename(words[3])
            found.append(problem("bridges", said, installCommand(package)))
    return found
