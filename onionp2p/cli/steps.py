# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How a command shows what it is doing: a bar on a terminal, a line a step elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from onionp2p.testing.consensus import NetworkStep

__all__ = ["showSteps"]


@contextmanager
def showSteps(title: str) -> Iterator[NetworkStep]:
    """
    Give a callable to be told the present step, and which part of the whole is over, from 0 to 1.
    All goes to standard error.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda text, fraction: console.print(f"{title}: {text}", soft_wrap=True)
        return
    columns = (TextColumn("{task.description}"), BarColumn(30), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, auto_refresh=False) as progress:
        bar = progress.add_task(title, total=1.0)

        def step(text: str, fraction: float) -> None:
            progress.update(bar, description=f"{title}: {text}", completed=fraction, refresh=True)

        yield step
