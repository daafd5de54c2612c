# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
All the checks, one after the other.

Each is total: what it fails by is told as a finding of it, and the next one begins.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from twisted.internet.defer import CancelledError

from onionp2p.doctor.finding import Finding, Level, problem
from onionp2p.events import Event
from onionp2p.options import TorOptions

__all__ = ["Questions", "examine"]


def _unobserved(event: Event) -> None:
    """
    Nobody wants to know how far it is.
    """


@dataclass(frozen=True)
class Questions:
    """
    What is to be found out.

    @ivar tor: which tor is meant.  With C{control}, the one that is there is asked, and none is
        sought at the usual places.
    @ivar reach: how long it may take to reach Tor, in seconds; L{None} not to try.
    """

    tor: TorOptions = field(default_factory=TorOptions)
    reach: float | None = None


async def examine(
    reactor: Any,
    questions: Questions,
    tell: Callable[[Finding], None],
    observer: Callable[[Event], None] = _unobserved,
) -> Level:
    """
    Run all checks.

    @param tell: told of each finding, at once.
    @param observer: told how far we are in reaching Tor.

    @return: the worst of what was found.
    """
    levels = {Level.OK}
    for name, *arguments in _checks(reactor, questions, observer):
        for finding in await _findings(name, *arguments):
            levels.add(finding.level)
            tell(finding)
    return max(levels, key=list(Level).index)


def _checks(
    reactor: Any, questions: Questions, observer: Callable[[Event], None]
) -> Iterator[tuple[Any, ...]]:
    """
    Name the checks, by module and function, and give what each is to be called with.
    """
    tor = questions.tor
    yield ("installation.checkPython",)
    yield ("installation.checkPackages",)
    yield ("installation.checkCopies",)
    yield ("installation.checkPrograms",)
    yield ("plugin.checkPlugin",)
    yield ("environment.checkVariables",)
    yield ("machine.checkClock",)
    yield ("machine.checkDescriptors",)
    yield ("machine.checkMemory",)
    yield ("folders.checkRunFolder",)
    if tor.control is None:
        yield "torprogram.checkTorProgram", tor.program
        yield "environment.checkTorrc", tor.torrc
        yield "folders.checkState", tor.state
        yield "controlport.checkRunningTors", reactor
    else:
        yield "controlport.checkNamedPort", reactor, tor.control
    if questions.reach is not None:
        yield "reaching.checkReach", reactor, tor, questions.reach, observer


async def _findings(name: str, *arguments: Any) -> list[Finding]:
    module, _, function = name.partition(".")
    try:
        # Not before: what it imports may be what is broken.
        check = getattr(import_module(f"onionp2p.doctor.{module}"), function)
        found = check(*arguments)
        findings: list[Finding] = await found if inspect.isawaitable(found) else found
    except CancelledError:
        raise
    except Exception as error:  # noqa: BLE001 - a machine can be broken in any way
        what = function.removeprefix("check")
        said = f"{what} could not be checked: {type(error).__name__}: {error}"
        return [problem("doctor", said, "please report it, with what is shown by onionp2p --debug")]
    return findings
