# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The page: the template benchmarks/page.md, with what the results say.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from string import Template

from measuring.results import Part
from measuring.runs import Run

from presenting import tables
from presenting.pictures import PICTURES

__all__ = ["BENCHMARKS", "FIGURES", "PAGE", "load", "write"]

BENCHMARKS = [
    "dialing",
    "forwarding",
    "recovery",
    "network_start",
    "launches",
    "libp2p",
    "soak",
]
"""In the order of the page."""

PAGE, FIGURES = "benchmarks.md", "figures"
"""Where the page is in a folder, and where its pictures and their results are."""

_TEMPLATE = Path(__file__).parent.parent / "page.md"
_QUICK = "**This is a quick run: it shows that all benchmarks work. Its figures mean nothing.**\n\n"

_COMPARED = {
    "dialing": "abcde",
    "forwarding": "ab",
    "recovery": "a",
    "libp2p": "a",
}
_SPREAD: dict[str, tuple[str, ...]] = {
    "network_start": (),
    "launches": (),
    "soak": ("ping", "transfer", "came back"),
}


def load(folder: Path) -> dict[str, Run]:
    """
    Give the runs that a folder holds the results of.

    @param folder: that of the page.
    """
    files = {name: folder / FIGURES / f"{name}.json" for name in BENCHMARKS}
    return {name: Run.load(file) for name, file in files.items() if file.exists()}


def write(folder: Path) -> None:
    """
    Make the page and its pictures of the results in a folder.

    @raise ValueError: if there are none.
    """
    runs = load(folder)
    if not runs:
        raise ValueError(f"{folder / FIGURES} holds no results")
    (folder / PAGE).write_text(_page(runs))
    for name, picture in PICTURES.items():
        file = folder / FIGURES / f"{name}.svg"
        run = runs.get(picture.benchmark)
        if run is not None and picture.shows(run):
            picture.draw(run, folder / FIGURES / f"{picture.benchmark}.json", file)
        else:
            file.unlink(missing_ok=True)


def _page(runs: dict[str, Run]) -> str:
    quick = any("--quick" in run.command for run in runs.values())
    return Template(_TEMPLATE.read_text()).substitute(
        quick=_QUICK if quick else "",
        goals=tables.goals(runs.values()),
        conditions=tables.conditions(list(runs.values())),
        runs=tables.runs(runs.values()),
        **dict(_pictures(runs)),
        **dict(_tables(runs)),
    )


def _pictures(runs: dict[str, Run]) -> Iterator[tuple[str, str]]:
    for name, picture in PICTURES.items():
        run = runs.get(picture.benchmark)
        if run is not None and picture.shows(run):
            yield name, f"![{picture.alternative}]({FIGURES}/{name}.svg)"
        else:
            yield name, _notMeasured(run)


def _tables(runs: dict[str, Run]) -> Iterator[tuple[str, str]]:
    for benchmark, letters in _COMPARED.items():
        for letter in letters:
            part = _part(runs, benchmark, letter)
            text = tables.compared(part) if part else _notMeasured(runs.get(benchmark))
            yield f"{benchmark}_{letter}", _told(part) + text
    for benchmark, keys in _SPREAD.items():
        part = _part(runs, benchmark, "a")
        text = tables.spread(part, keys) if part else _notMeasured(runs.get(benchmark))
        yield f"{benchmark}_a", _told(part) + text


def _part(runs: dict[str, Run], benchmark: str, letter: str) -> Part | None:
    return runs[benchmark].parts.get(letter) if benchmark in runs else None


def _told(part: Part | None) -> str:
    return f"{part.method}\n\n" if part else ""


def _notMeasured(run: Run | None) -> str:
    why = run.problem if run is not None and run.problem else "it was not run"
    return f"**Not measured: {why}.**"
