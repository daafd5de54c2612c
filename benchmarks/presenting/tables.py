# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The tables of the page, in Markdown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from measuring.report import number
from measuring.results import Figure, Part, quantile
from measuring.runs import Run

__all__ = ["compared", "conditions", "goals", "runs", "spread"]


def compared(part: Part) -> str:
    """
    Set the medians of all contenders beside each other, with what they are to the first.
    """
    names = list(dict.fromkeys(name for figure in part.figures for name in figure.samples))
    rows = [[_named(figure), *(_cell(figure, name) for name in names)] for figure in part.figures]
    return _table(["median", *names], rows) + _checks(part)


def _named(figure: Figure) -> str:
    return f"{figure.name}, {figure.unit}" if figure.unit else figure.name


def _cell(figure: Figure, name: str) -> str:
    if name not in figure.samples:
        return ""
    return number(figure.medians[name]) + _ratio(figure, name, figure.base)


def _ratio(figure: Figure, name: str, base: str | None) -> str:
    compared = figure.compare(name, base) if base and name != base else None
    if compared is None:
        return ""
    text = f" × {compared.ratio:.2f}"
    if compared.low != compared.high:
        text += f" ({compared.low:.2f}–{compared.high:.2f})"
    return text


def spread(part: Part, keys: Sequence[str] = ()) -> str:
    """
    Tell of each contender in each figure how its samples are spread.

    @param keys: of the figures; all, if none are named.
    """
    rows = [
        [
            _named(figure) if len(figure.samples) == 1 else f"{_named(figure)}: {name}",
            str(len(values)),
            *(number(each) for each in _spread(values)),
        ]
        for figure in part.figures
        if not keys or figure.key in keys
        for name, values in figure.samples.items()
    ]
    head = ["", "times", "least", "median", "95% are below", "most"]
    return _table(head, rows) + _checks(part)


def _spread(values: Sequence[float]) -> Iterator[float]:
    yield min(values)
    yield quantile(values, 0.5)
    yield quantile(values, 0.95)
    yield max(values)


def _checks(part: Part) -> str:
    if not part.checks:
        return ""
    marks = {True: "yes", False: "**NO**"}
    lines = [f"- {marks[check.passed]}: {check.text}" for check in part.checks]
    return "\n\n" + "\n".join(lines)


def goals(all: Iterable[Run]) -> str:
    """
    Tell of each goal whether it was reached, and of what should be so and is not.
    """
    rows, checks = [], []
    for run in all:
        for part in run.parts.values():
            rows += [_goal(run, part, figure) for figure in part.figures if figure.goal]
            checks += [(run, check) for check in part.checks]
    missed = sum("MISSED" in row[-1] for row in rows)
    said = f"{len(rows) - missed} of {len(rows)} goals are reached, {missed} missed."
    text = f"{said}\n\n{_table(['what', 'goal', 'measured', ''], rows)}"
    failed = [f"- {run.benchmark}: {check.text}" for run, check in checks if not check.passed]
    told = f"{len(checks) - len(failed)} of {len(checks)} checks hold"
    return text + f"\n\n{told}{':' if failed else '.'}\n\n{chr(10).join(failed)}".rstrip()


def _goal(run: Run, part: Part, figure: Figure) -> list[str]:
    goal = figure.goal
    assert goal is not None
    limit = f"× {goal.limit:g} of {goal.over}" if goal.over else f"{goal.limit:g} {figure.unit}"
    measured = number(figure.medians[goal.contender]) + _ratio(figure, goal.contender, goal.over)
    verdict = figure.verdict if figure.reached else f"**{figure.verdict}**"
    what = f"{run.benchmark} {part.letter}: {_named(figure)}"
    return [what, f"{goal.contender} at most {limit}", measured, verdict]


def conditions(all: Sequence[Run]) -> str:
    """
    Tell what was measured on and with: where runs differ, all of it.
    """
    rows = []
    for told in ("machine", "versions"):
        for name in getattr(all[0], told):
            values = dict.fromkeys(getattr(run, told).get(name, "") for run in all)
            rows.append([name, "; ".join(values)])
    return _table(["", ""], rows)


def runs(all: Iterable[Run]) -> str:
    """
    Tell what was run.
    """
    rows = [
        [
            f"`{run.command}`",
            run.began,
            f"{run.seconds / 60:.1f}",
            f"`{run.commit}`",
            f"**{run.problem}**" if run.problem else "",
        ]
        for run in all
    ]
    return _table(["command", "began, UTC", "minutes", "commit", ""], rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_escaped(cell) for cell in cells)} |" for cells in lines)


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")
