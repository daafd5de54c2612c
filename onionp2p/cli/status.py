# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p status}: whether all is well with a program, by its status file.
"""

from __future__ import annotations

import json
import os
import sys
import time

import click

from onionp2p.cli.explained import Command
from onionp2p.cli.jsonlines import printObject
from onionp2p.cli.parameters import FILE, jsonOption
from onionp2p.local.files import UnfitFile, openRegular
from onionp2p.local.processes import isAlive
from onionp2p.oneline import oneLine
from onionp2p.operating.states import ListenerStatus
from onionp2p.operating.status import (
    LONGEST,
    Status,
    StatusError,
    formatStatus,
    formatTime,
    parseStatus,
)
from onionp2p.operating.verdict import Level, Verdict, duration, judge

__all__ = ["status"]

_COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.CRITICAL: "red", Level.UNKNOWN: "red"}


@click.command(
    cls=Command,
    examples=[
        "onionp2p status /run/onionp2p/status",
        "onionp2p status /run/onionp2p/status --json",
    ],
)
@click.argument("path", type=FILE)
@jsonOption
def status(path: str, asJSON: bool) -> None:
    """Tell how the program is that runs with --status PATH.

    \b
    Exits as monitoring programs expect it of their plugins, with
      0  every listener is reachable, or published where nobody probes
      1  it is starting
      2  unreachable, tor is down, it hangs, was killed or has stopped
      3  there is no such file, or it is none of ours
    and the first line says which, and why.

    \b
    With --json, "status" being what the file holds, or null:
      {"level": "OK", "text": "1 listener reachable", "status": {…}}
    """  # noqa: D301 - click wants the control character
    now = time.time()
    found: Status | None = None
    try:
        found = _read(path)
    except (StatusError, UnfitFile) as problem:
        verdict = Verdict(Level.UNKNOWN, oneLine(f"{click.format_filename(path)}: {problem}"))
    else:
        verdict = judge(found, now, isAlive(found.pid))
    if asJSON:
        printObject(
            level=verdict.level.name,
            text=verdict.text,
            status=None if found is None else json.loads(formatStatus(found)),
        )
    else:
        word, _, rest = str(verdict).partition(":")
        click.echo(f"{click.style(word, fg=_COLOURS[verdict.level])}:{rest}")
        if found is not None:
            for line in _details(found, now):
                click.echo(line)
    sys.exit(verdict.level)


def _read(path: str) -> Status:
    """
    @raise UnfitFile: if there is nothing to read.
    @raise StatusError: if it is no status.
    """
    descriptor = openRegular(path)
    if descriptor is None:
        raise UnfitFile("there is no such file; does the program run, with --status?")
    with os.fdopen(descriptor, "rb") as file:
        try:
            content = file.read(LONGEST + 1)
        except OSError as problem:
            raise UnfitFile(problem.strerror or "it can't be read") from None
    return parseStatus(content)


def _details(found: Status, now: float) -> list[str]:
    lines = [_listenerLine(each, now) for each in found.listeners]
    tor = found.tor
    lines.append(f"tor: {tor.state.value}, {tor.percent}%" + (tor.summary and f": {tor.summary}"))
    dials = found.dials
    lines.append(
        f"dials: {dials.connected} connected, {dials.failed} failed,"
        f" {dials.cancelled} cancelled, {dials.retried} retried"
    )
    lines.append(
        f"process {found.pid}, started {formatTime(found.started)},"
        f" last heard of {duration(now - found.updated)} ago"
    )
    return lines


def _listenerLine(listener: ListenerStatus, now: float) -> str:
    since = f"since {formatTime(listener.since)} ({duration(now - listener.since)})"
    line = f"{listener.address}: {listener.state.value} {since}"
    return ": ".join(filter(None, [line, listener.cause, listener.detail]))
