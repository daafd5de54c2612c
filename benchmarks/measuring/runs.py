# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
One run of a benchmark, as it is kept: what came of it, where and how.

All benchmarks write the same JSON, and benchmarks/page.py reads it.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from measuring.conditions import commit, machine, versions
from measuring.report import table
from measuring.results import Part

__all__ = ["Recorder", "Run"]


@dataclass(frozen=True)
class Run:
    """
    A run.

    @ivar benchmark: its name, as in C{benchmarks/<name>.py}.
    @ivar command: how it was called, from the repository's folder.
    @ivar began: when, UTC.
    @ivar seconds: how long it took.
    @ivar commit: of what.
    @ivar machine: on what.
    @ivar versions: with what.
    @ivar parts: by letter.
    @ivar problem: why it is not whole; empty if it is.
    """

    benchmark: str
    command: str
    began: str
    seconds: float
    commit: str
    machine: dict[str, str]
    versions: dict[str, str]
    parts: dict[str, Part] = field(default_factory=dict)
    problem: str = ""

    @classmethod
    def load(cls, path: Path) -> Self:
        """
        Read what L{save} wrote.
        """
        record = json.loads(path.read_text())
        parts = {letter: Part.fromRecord(each) for letter, each in record["parts"].items()}
        return cls(**{**record, "parts": parts})

    def save(self, path: Path) -> None:
        """
        Write it to a file, a line for each figure's contender and for each moment.
        """
        record: dict[str, Any] = {
            **vars(self),
            "parts": {letter: part.record for letter, part in self.parts.items()},
        }
        path.write_text(_inLines(record) + "\n")


def _inLines(value: Any, indent: str = "") -> str:
    """
    Give JSON in which what holds no more than numbers and words takes one line.
    """
    inner = indent + " "
    if isinstance(value, dict) and value:
        rows = [f"{json.dumps(key)}: {_inLines(each, inner)}" for key, each in value.items()]
    elif isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
        rows = [_inLines(each, inner) for each in value]
    else:
        return json.dumps(value, ensure_ascii=False)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    between = f",\n{inner}"
    return f"{opening}\n{inner}{between.join(rows)}\n{indent}{closing}"


class Recorder:
    """
    Takes the parts of the run that goes on, prints them, and keeps them: what is measured is not
    lost when a later part fails.
    """

    def __init__(self, benchmark: str, path: Path | None) -> None:
        """
        @param path: where to keep it, if anywhere.
        """
        self._benchmark = benchmark
        self._path = path
        self._conditions = commit(), machine(), versions()
        self._date = datetime.now(UTC)
        self._began = time.monotonic()
        self._parts: dict[str, Part] = {}

    def add(self, part: Part, text: str = "") -> None:
        """
        Take a part.

        @param text: how it is printed, if not as a table.
        """
        print(text or table(part), flush=True)
        self._parts[part.letter] = part
        if self._path is not None:
            self.run().save(self._path)

    def run(self, problem: str = "") -> Run:
        """
        Give the run as far as it has come.

        @param problem: why it comes no further, if so.
        """
        return Run(
            self._benchmark,
            _command(self._benchmark),
            self._date.strftime("%Y-%m-%d %H:%M"),
            round(time.monotonic() - self._began, 1),
            *self._conditions,
            self._parts,
            problem,
        )


def _command(benchmark: str) -> str:
    """
    Give what to type for the same run; where it is kept does not count.
    """
    words = sys.argv[1:]
    if "--json" in words:
        at = words.index("--json")
        del words[at : at + 2]
    return shlex.join(["python", f"benchmarks/{benchmark}.py", *words])
