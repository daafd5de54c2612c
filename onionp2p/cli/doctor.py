# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p doctor}: what is wrong here, and what to do about it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import click

from onionp2p.cli.exitcodes import ExitCode
from onionp2p.cli.explained import Command
from onionp2p.cli.jsonlines import printObject
from onionp2p.cli.parameters import (
    Seconds,
    given,
    jsonOption,
    readingOptions,
    withTorOptions,
)
from onionp2p.cli.running import run
from onionp2p.cli.steps import showBootstrap
from onionp2p.doctor import Finding, Level, Questions, examine
from onionp2p.options import parseListen

__all__ = ["doctor"]

_COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "red"}
_WIDEST_LEVEL = max(len(level.value) for level in Level)
_WIDEST_CHECK = len("installation")
_INDENT = " " * (_WIDEST_LEVEL + 2 + _WIDEST_CHECK + 2)


@click.command(
    cls=Command,
    examples=[
        "onionp2p doctor",
        "onionp2p doctor --control 9051",
        "onionp2p doctor --reach --timeout 120",
    ],
)
@click.option(
    "--reach",
    is_flag=True,
    help="Go online, too: reach Tor, publish a throw-away onion, and dial it.",
)
@click.option(
    "--timeout",
    type=Seconds(min=0, min_open=True),
    default=300.0,
    show_default=True,
    metavar="S",
    help="Seconds that --reach may take.",
)
@jsonOption
@withTorOptions
def doctor(*, reach: bool, timeout: float, asJSON: bool, **options: Any) -> None:
    """Say what keeps onionp2p from working on this machine, and what to do.

    Each finding is a line: ok, warning or problem, what was looked at, and what was
    found. Below it, `do:` says what to do, where something is to be done. Nothing
    leaves this machine without --reach. Exits with 0 if there is no problem, else
    with 1. With --control, only what matters to who uses that tor is looked at.

    \b
    With --json, a finding is an object; "remedy" may be null:
      {"check": "tor", "level": "ok", "found": "0.4.9.11 at …", "remedy": null}
    """  # noqa: D301 - click wants the control character
    with readingOptions():
        listening = {"port": "1", "timeout": timeout, **given(**options)}
        tor = parseListen(["listen"], listening).tor
    found: Counter[Level] = Counter()

    def tell(finding: Finding) -> None:
        found[finding.level] += 1
        if asJSON:
            _printObject(finding)
        else:
            _printLines(finding)

    async def main(reactor: Any) -> int:
        questions = Questions(tor, timeout if reach else None)
        with showBootstrap(afterwards="publishing and dialling an onion") as follow:
            await examine(reactor, questions, tell, follow)
        if not asJSON:
            click.echo(_sum(found))
        return ExitCode.FAILED if found[Level.PROBLEM] else ExitCode.DONE

    run(main)


def _printObject(finding: Finding) -> None:
    printObject(
        check=finding.check,
        level=finding.level.value,
        found=finding.found,
        remedy=finding.remedy or None,
    )


def _printLines(finding: Finding) -> None:
    level = f"{finding.level.value:{_WIDEST_LEVEL}}"
    coloured = click.style(level, fg=_COLOURS[finding.level])
    click.echo(f"{coloured}  {finding.check:{_WIDEST_CHECK}}  {finding.found}")
    if finding.remedy:
        click.echo(f"{_INDENT}do: {finding.remedy}")


def _sum(found: Counter[Level]) -> str:
    """
    Say how many of each there were.
    """
    problems, warnings = found[Level.PROBLEM], found[Level.WARNING]
    return f"{_count(problems, 'problem')}, {_count(warnings, 'warning')}"


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
