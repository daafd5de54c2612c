# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The tor program: whether there is one, and one that will do.
"""

from __future__ import annotations

import errno
import os
import platform
import re

from onionp2p.doctor.asking import SECONDS, Answer, ask
from onionp2p.doctor.finding import Finding, problem, warning, well
from onionp2p.doctor.platforms import installCommand, systemKinds
from onionp2p.errors import TorNotFound
from onionp2p.tor.program import OLDEST, findTor

__all__ = ["checkTorProgram"]

_RECOMMENDED = _NEWEST_TESTED = (0, 4, 9)
_VERSION = re.compile(r"\bTor version ([0-9]{1,4})\.([0-9]{1,4})\.([0-9]{1,4})(\S*)")
_PROJECT = "https://support.torproject.org/apt/"


def checkTorProgram(named: str | None = None) -> list[Finding]:
    """
    Whether there is a tor, it runs, it is new enough, and what it was built with.

    @param named: what C{tor=} names, if it does.
    """
    try:
        program = findTor(named)
    except TorNotFound:
        return [_notFound(named)]
    try:
        answer = ask(program, "--version")
    except OSError as error:
        return [_notRun(program, error)]
    match = _VERSION.search(answer.text)
    if answer.status != 0 or match is None:
        return [_noTor(program, answer)]
    version = match[1], match[2], match[3]
    return _judge(program, tuple(map(int, version)), ".".join(version) + match[4].rstrip("."))


def _way(named: str | None) -> str:
    if named:
        return "tor="
    return "$ONIONP2P_TOR" if os.environ.get("ONIONP2P_TOR") else ""


def _notFound(named: str | None) -> Finding:
    install = f"{installCommand('tor')}   (no service of it needs to run: we start our own)"
    way = _way(named)
    if not way:
        found = "there is no tor program: not on PATH, nor in the folders of daemons"
        return problem("tor", found, install)
    path = os.path.abspath(named or os.environ.get("ONIONP2P_TOR", ""))
    if os.path.isfile(path):
        return problem("tor", f"{way} names {path}, which may not be executed", f"chmod +x {path}")
    remedy = f"name one that is there, or none: {install}"
    return problem("tor", f"{way} names {path}, which is no program", remedy)


def _notRun(program: str, error: OSError) -> Finding:
    """
    Say why the system refuses to start a program that is there.
    """
    reason = error.strerror or str(error)
    again = f"install one for this machine ({platform.machine()}): {installCommand('tor')}"
    if error.errno == errno.EACCES:
        again = f"its file system may be mounted noexec: findmnt -T {program}"
    elif error.errno == errno.ENOENT:
        reason = "what it is to be run by, its loader or interpreter, is not here"
    return problem("tor", f"{program} can't be run: {reason}", again)


def _noTor(program: str, answer: Answer) -> Finding:
    see = f"see what it says: {program} --version"
    first = next(iter(answer.text.split("\n")), "").strip()
    said = f": {first}" if first else ""
    if answer.status is None:
        return problem("tor", f"{program} did not tell its version in {SECONDS:g} s{said}", see)
    if answer.status < 0:
        found = f"{program} was ended by signal {-answer.status}{said}"
        return problem("tor", found, f"install it anew: {installCommand('tor')}")
    if answer.status > 0:
        return problem("tor", f"{program} ended with status {answer.status}{said}", see)
    return problem("tor", f"{program} does not say that it is a tor{said}", see)


def _judge(program: str, version: tuple[int, ...], text: str) -> list[Finding]:
    found = f"{text} at {program}"
    if way := _way(None):
        found += f" (by {way})"
    oldest = ".".join(map(str, OLDEST))
    if version < OLDEST:
        return [problem("tor", f"{found} is too old: {oldest} is needed", _newer(oldest))]
    findings = [well("tor", found)]
    if version > _NEWEST_TESTED:
        findings = [well("tor", f"{found}; newer than what we are tested with")]
    elif version < _RECOMMENDED:
        recommended = ".".join(map(str, _RECOMMENDED))
        findings = [
            warning("tor", f"{found} will do; {recommended} is better", _newer(recommended))
        ]
    return [*findings, *_judgeModules(program)]


def _newer(version: str) -> str:
    where = f": {_PROJECT}" if {"debian", "ubuntu"} & {*systemKinds()} else ""
    return f"install tor {version} or newer, from the Tor Project where your system has none{where}"


def _judgeModules(program: str) -> list[Finding]:
    try:
        answer = ask(program, "--list-modules")
    except OSError:  # it has just run; the next start will say so
        return []
    modules = dict(re.findall(r"^(\w+): (yes|no)$", answer.text, re.MULTILINE))
    if modules.get("pow") == "yes":
        return [well("tor modules", "proof of work (pow) is there")]
    return [
        warning(
            "tor modules",
            "this tor has no proof of work (pow): an onion of it has no defence against floods of"
            " callers, and pow=yes fails",
            "nothing, if that will do; else install a tor that was built with --enable-gpl",
        )
    ]
