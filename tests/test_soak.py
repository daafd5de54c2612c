# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The soak's judgement: what it plans, what it makes of what it sees, and what it calls growth.
"""

from __future__ import annotations

import importlib
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

SOAK = Path(__file__).parent.parent / "benchmarks" / "soak.py"


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Modules are found where benchmarks/soak.py finds them.
    """
    monkeypatch.syspath_prepend(str(SOAK.parent))


def module(name: str) -> Any:
    """Give a module of the soak."""
    return importlib.import_module(f"soaking.{name}")


def plan(seed: int = 7, seconds: float = 600.0, every: float = 30.0, kinds: Any = None) -> Any:
    """Draw the faults of a run, of all kinds if it isn't said."""
    faults = module("faults")
    return faults.plan(seed, seconds, every, list(kinds or faults.Kind))


def test_sameSeedSamePlan() -> None:
    """
    A seed gives the same faults each time, and another seed others.
    """
    assert plan(seed=7) == plan(seed=7)
    assert plan(seed=7) != plan(seed=8)


@pytest.mark.parametrize("seed", range(20))
def test_planFillsTheRun(seed: int) -> None:
    """
    There is a fault each so many seconds, give or take a quarter, in order, and time to come back
    after the last one.
    """
    times = [fault.at for fault in plan(seed)]
    assert len(times) in {18, 19}
    for number, at in enumerate(times, 1):
        assert abs(at - 30 * number) <= 7.5
    assert times[-1] <= 570


@pytest.mark.parametrize("seed", range(20))
def test_allKindsInTurn(seed: int) -> None:
    """
    Each kind comes once before any comes again, to the listener's tor or the dialer's; the relays
    alone are the network's, frozen for some seconds.
    """
    faults = module("faults")
    drawn = plan(seed)[:18]
    for first in range(0, len(drawn), len(faults.Kind)):
        assert {fault.kind for fault in drawn[first : first + 6]} == set(faults.Kind)
    for fault in drawn:
        relays = fault.kind is faults.Kind.RELAYS
        assert (fault.victim is faults.Victim.NETWORK) == relays
        assert (5 <= fault.seconds <= 20) if relays else fault.seconds == 0


def test_chosenKinds() -> None:
    """
    Only what is asked for goes wrong, and to both.
    """
    faults = module("faults")
    drawn = plan(kinds=[faults.Kind.KILL])
    assert {fault.kind for fault in drawn} == {faults.Kind.KILL}
    assert set(Counter(fault.victim for fault in drawn)) == {
        faults.Victim.LISTENER,
        faults.Victim.DIALER,
    }


def test_noTimeForFaults() -> None:
    """
    A run that is shorter than the time after a fault has none.
    """
    assert plan(seconds=30.0) == []


def history(*visits: tuple[str, float, float, str], struck: tuple[float, ...] = ()) -> Any:
    """Give a history of visits (kind, begun, ended, problem) and of the moments of faults."""
    seen, fault = module("history"), plan()[0]
    return seen.History(
        [seen.Visit(kind, began, ended, problem) for kind, began, ended, problem in visits],
        [seen.Struck(fault, at) for at in struck],
    )


def test_availability() -> None:
    """
    Of the visits that were begun, those count that came through; of the seconds, those with a ping
    that came through soon.
    """
    seen = history(
        ("ping", 0, 0.1, ""),
        ("ping", 1, 31, ""),
        ("ping", 2, 62, "it took too long"),
        ("transfer", 1, 2, ""),
    )
    seen.visits.append(module("history").Visit("ping", 3, 3, "too many wait", begun=False))
    assert seen.answered("ping") == pytest.approx(2 / 3)
    assert seen.answered("transfer") == 1
    assert seen.there == pytest.approx(1 / 4)


def test_recovery() -> None:
    """
    A recovery lasts from the fault until the first visit that was begun after it has come through:
    not one from before it, and not one that failed.
    """
    seen = history(
        ("ping", 9, 11, ""),
        ("ping", 10.5, 12, "ConnectError"),
        ("ping", 11, 16, ""),
        ("ping", 12, 15, ""),
        ("transfer", 9, 30, ""),
        struck=(10,),
    )
    (struck,) = seen.struck
    assert seen.recovery(struck, "ping") == 5
    assert seen.recovery(struck, "transfer") is None
    assert not seen.recovered
    seen.visits.append(module("history").Visit("transfer", 20, 31))
    assert seen.recovery(struck, "transfer") == 21
    assert seen.recovered


def trend(name: str, values: list[float], rests: tuple[float, float] = (0, 0)) -> Any:
    """Give the trend of a gauge that was read every 5 s."""
    times = [5.0 * number for number in range(len(values))]
    return module("trends").Trend(name, times, values, rests)


def test_aLeakIsFound() -> None:
    """
    One descriptor that is lost every half minute shows, however much their number goes up and down.
    """
    drawn = random.Random(1)  # noqa: S311 - no secret
    noise = [drawn.choice([0, 0, 0, 1, 2, 9]) for _ in range(120)]
    leaking = trend("descriptors", [20 + each + at // 6 for at, each in enumerate(noise)])
    assert leaking.growth == pytest.approx(20, abs=2)
    assert leaking.grows
    assert not trend("descriptors", [20.0 + each for each in noise]).grows


def test_oneStepIsNoTrend() -> None:
    """
    What is far off for a while does not count; what is still held at rest does.
    """
    peak = [20.0] * 60 + [90.0] * 20 + [20.0] * 40
    assert not trend("descriptors", peak, (20, 20)).grows
    assert trend("descriptors", peak, (20, 23)).grows


def test_aChildTooMany() -> None:
    """
    Of processes and threads, not one more may be left.
    """
    for name in ("children", "threads"):
        assert not trend(name, [1.0] * 10, (1, 1)).grows
        assert trend(name, [1.0] * 10, (1, 2)).grows


def test_longRuns() -> None:
    """
    A day of samples is judged as well as ten minutes.
    """
    assert trend("private memory", [1e6 * at for at in range(17280)]).slope == pytest.approx(2e5)


def result(**changes: Any) -> Any:
    """Give the result of a run in which all went well, but for what is said."""
    seen = history(("ping", 11, 12, ""), ("transfer", 11, 12, ""), struck=(10,))
    steady = {"listener": [trend("children", [1.0, 1.0], (1, 1))]}
    whole = {"history": seen, "trends": steady, "statuses": {"listener": 0, "dialer": 0}}
    return module("run").Result(**{**whole, **changes})


def failed(of: Any) -> list[str]:
    """Give what the report says no to."""
    return [check.text for check in module("report").checks(of) if not check.passed]


def test_allWell() -> None:
    """
    A run in which everything came back passes, and its report says so.
    """
    settings = module("run").Settings(600, 7, 30, tuple(module("faults").Kind))
    assert failed(result()) == []
    text = module("report").text(settings, result())
    assert "100.00% of them came back" in text
    assert "NO " not in text
    part = module("report").part(settings, result())
    assert [(moment.at, moment.what, moment.seconds) for moment in part.timeline] == [
        (-1, "term, dialer", None),
        (0, "ping", 1),
    ]
    assert part.figure("ping").samples == {"term, dialer": [2]}
    assert part.figure("rest children").samples == {"listener": [1, 1]}


def test_whatFailsARun() -> None:
    """
    It does not pass where bytes were changed, something never came back or has grown, a process
    ended badly, or nothing was tried.
    """
    seen = module("history")
    corrupt = history(("ping", 11, 12, ""), ("transfer", 11, 12, ""))
    corrupt.visits.append(seen.Visit("transfer", 1, 2, "other bytes", corrupt=True))
    assert failed(result(history=corrupt)) == ["1 came back corrupt"]
    gone = history(("ping", 11, 12, ""), ("transfer", 1, 2, ""), struck=(10,))
    assert failed(result(history=gone))[0].startswith("came back after 1 faults, not after ")
    leaky = {"listener": [trend("children", [1.0, 1.0], (1, 2))]}
    assert failed(result(trends=leaky)) == ["nothing has grown, but listener's children"]
    assert failed(result(statuses={"dialer": -9})) == [
        "the processes ended as they were told to, but dialer ended with -9"
    ]
    assert len(failed(module("run").Result())) == 2


@pytest.mark.deadline(30)
@pytest.mark.parametrize("wrong", ["--faults=flood", "--minutes=0", "--every=nan"])
def test_badOptions(wrong: str) -> None:
    """
    An option that makes no sense is named, before anything is started.
    """
    ended = subprocess.run(
        [sys.executable, str(SOAK), wrong], check=False, capture_output=True, text=True
    )
    assert ended.returncode == 2
    assert wrong.partition("=")[0] in ended.stderr
