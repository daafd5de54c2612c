"""
The report of a run, as text and for JSON.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from measuring.results import Check

from soaking.faults import Fault
from soaking.history import PING, SECONDS_PROMPT, TRANSFER, Struck
from soaking.run import Result, Settings

__all__ = ["checks", "record", "text"]

_KIB = 1024


def checks(result: Result) -> list[Check]:
    """
    Judge a run.
    """
    history = result.history
    lost = [
        _whatAndWhose(struck.fault)
        for struck in history.struck
        for kind in (PING, TRANSFER)
        if history.recovery(struck, kind) is None
    ]
    grown = [
        f"{name}'s {trend.name}"
        for name, trends in result.trends.items()
        for trend in trends
        if trend.grows
    ]
    badly = [f"{name} ended with {status}" for name, status in result.statuses.items() if status]
    return [
        Check(f"{history.corrupt} came back corrupt", not history.corrupt),
        Check(
            f"came back after {len(history.struck)} faults" + _but("not after", lost),
            bool(history.of(PING) and history.of(TRANSFER)) and not lost,
        ),
        Check("nothing has grown" + _but("but", grown), bool(result.trends) and not grown),
        Check("the processes ended as they were told to" + _but("but", badly), not badly),
    ]


def _but(word: str, exceptions: Sequence[str]) -> str:
    return f", {word} {', '.join(exceptions)}" if exceptions else ""


def text(settings: Settings, result: Result) -> str:
    """
    Give the report for readers.
    """
    kinds = ", ".join(kind.value for kind in settings.kinds)
    minutes = f"{settings.seconds / 60:g} minutes"
    lines = [
        f"{minutes}, a fault every {settings.every:g} s, seed {settings.seed}: {kinds}",
        "",
        *_availability(result),
        "",
        *_recoveries(result),
        "",
        *_holdings(result),
        "",
        *(f"  {'yes' if check.passed else 'NO '}  {check.text}" for check in checks(result)),
    ]
    return "\n".join(lines)


def _availability(result: Result) -> Iterator[str]:
    history = result.history
    for kind in (PING, TRANSFER):
        visits = history.of(kind)
        yield f"  {len(visits)} {kind}s, {history.answered(kind):.2%} of them came back"
    yield f"  {history.there:.2%} of the seconds with a ping that came back in {SECONDS_PROMPT:g} s"


def _recoveries(result: Result) -> Iterator[str]:
    yield "  until it was there again, s          times  by circuits in use    by fresh circuits"
    yield "                                                  median     worst      median     worst"
    for name, struck in _byKind(result.history.struck).items():
        cells = []
        for kind in (PING, TRANSFER):
            seconds = [result.history.recovery(each, kind) for each in struck]
            known = [each for each in seconds if each is not None]
            worst = f"{max(known):10.1f}" if len(known) == len(seconds) else "     never"
            cells.append(f"{statistics.median(known) if known else float('nan'):10.1f}{worst}")
        yield f"    {name:34}{len(struck):4}  {'  '.join(cells)}"


def _byKind(struck: Sequence[Struck]) -> dict[str, list[Struck]]:
    kinds: dict[str, list[Struck]] = {}
    for each in sorted(struck, key=lambda each: _whatAndWhose(each.fault)):
        kinds.setdefault(_whatAndWhose(each.fault), []).append(each)
    return kinds


def _whatAndWhose(fault: Fault) -> str:
    return f"{fault.kind.value}, {fault.victim.value}"


def _holdings(result: Result) -> Iterator[str]:
    yield "  what is held                     at rest, first      last      by the fit"
    for name, trends in result.trends.items():
        for trend in trends:
            unit = _KIB if "memory" in trend.name else 1
            label = f"{name}: {trend.name}" + (", KiB" if unit == _KIB else "")
            first, last = (each / unit for each in trend.rests)
            mark = "  GROWS" if trend.grows else ""
            yield f"    {label:38}{first:9.0f}{last:10.0f}{trend.growth / unit:+12.1f}{mark}"


def record(settings: Settings, result: Result) -> dict[str, Any]:
    """
    Give the report for JSON, with all samples.
    """
    history = result.history
    return {
        "settings": {**asdict(settings), "kinds": [kind.value for kind in settings.kinds]},
        "available": {
            "pings": history.answered(PING),
            "transfers": history.answered(TRANSFER),
            "seconds": history.there,
        },
        "corrupt": history.corrupt,
        "faults": [
            {
                "at": struck.fault.at,
                "kind": struck.fault.kind.value,
                "victim": struck.fault.victim.value,
                "seconds": struck.fault.seconds,
                "recovery of pings": history.recovery(struck, PING),
                "recovery of transfers": history.recovery(struck, TRANSFER),
            }
            for struck in history.struck
        ],
        "gauges": {
            name: {
                trend.name: {
                    "first": trend.rests[0],
                    "last": trend.rests[1],
                    "growth": trend.growth,
                    "grows": trend.grows,
                    "times": list(trend.times),
                    "values": list(trend.values),
                }
                for trend in trends
            }
            for name, trends in result.trends.items()
        },
        "checks": [asdict(check) for check in checks(result)],
    }
