# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The report of a run, as text and for JSON.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from measuring.results import Check, Figure, Moment, Part

from soaking.faults import Fault
from soaking.history import PING, SECONDS_PROMPT, TRANSFER, History, Struck
from soaking.run import Result, Settings
from soaking.trends import ALLOWED

__all__ = ["checks", "part", "text"]

_KIB = 1024
_METHOD = (
    "{minutes:g} minutes, a fault every {every:g} s, drawn from the seed {seed}. A ping by the"
    " circuits in use begins every {pings:g} s, and every {transfers:g} s 256 KiB of random bytes"
    " are sent there and back by fresh ones. Each tor is asked every {watchdog:g} s whether it is"
    " there."
)


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
            unit = _unit(trend.name)
            label = f"{name}: {trend.name}" + (", KiB" if unit == _KIB else "")
            first, last = (each / unit for each in trend.rests)
            mark = "  GROWS" if trend.grows else ""
            yield f"    {label:38}{first:9.0f}{last:10.0f}{trend.growth / unit:+12.1f}{mark}"


def part(settings: Settings, result: Result) -> Part:
    """
    Give the report with all samples.
    """
    history = result.history
    began = min((visit.began for visit in history.visits), default=0.0)
    moments = [
        Moment(visit.began - began, PING, None if visit.problem else visit.ended - visit.began)
        for visit in history.of(PING)
    ]
    moments += [Moment(each.at - began, _whatAndWhose(each.fault)) for each in history.struck]
    return Part(
        "a",
        "An onion service and its dialer under faults",
        _METHOD.format(**vars(settings), minutes=settings.seconds / 60),
        [*_recoveryFigures(history), *_cameBack(history), *_rests(result)],
        checks(result),
        sorted(moments, key=lambda moment: moment.at),
    )


def _recoveryFigures(history: History) -> Iterator[Figure]:
    for kind, how in ((PING, "circuits in use"), (TRANSFER, "fresh circuits")):
        samples = {}
        for name, struck in _byKind(history.struck).items():
            seconds = [history.recovery(each, kind) for each in struck]
            known = [each for each in seconds if each is not None]
            if known:
                samples[name] = known
        yield Figure(kind, f"until it was there again, by {how}", "s", samples)


def _cameBack(history: History) -> Iterator[Figure]:
    shares = {f"{kind}s that came back": history.answered(kind) for kind in (PING, TRANSFER)}
    shares[f"seconds with a ping that came back in {SECONDS_PROMPT:g} s"] = history.there
    samples = {name: [100 * share] for name, share in shares.items()}
    yield Figure("came back", "came back", "%", samples)


def _rests(result: Result) -> Iterator[Figure]:
    """
    What was held at rest, first and last.
    """
    for gauge in ALLOWED:
        unit = _unit(gauge)
        samples = {
            name: [rest / unit for rest in trend.rests]
            for name, trends in result.trends.items()
            for trend in trends
            if trend.name == gauge
        }
        yield Figure(f"rest {gauge}", gauge, "KiB" if unit == _KIB else "", samples)


def _unit(gauge: str) -> int:
    return _KIB if "memory" in gauge else 1
