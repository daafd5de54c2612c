# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How a command shows what it is doing: a bar on a terminal, a line a step elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich import progress as bars
from rich.console import Console

from onionp2p.events import Event, EventObserver, Progress
from onionp2p.testing.consensus import NetworkStep

__all__ = ["showBootstrap", "showSteps"]


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
    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(30),
        bars.TimeElapsedColumn(),
    )
    with bars.Progress(*columns, console=console, transient=True, auto_refresh=False) as progress:
        bar = progress.add_task(title, total=1.0)

        def step(text: str, fraction: float) -> None:
            progress.update(bar, description=f"{title}: {text}", completed=fraction, refresh=True)

        yield step


@contextmanager
def showBootstrap() -> Iterator[EventObserver]:
    """
    Give an observer of events that shows tor's bootstrap, each step of it once.  It may be told
    more when this is over, and shows nothing of that.
    """
    shown: Progress | None = None
    isOver = False
    with showSteps("tor") as step:

        def follow(event: Event) -> None:
            nonlocal shown
            if isinstance(event, Progress) and event != shown and not isOver:
                shown = event
                step(event.summary, event.percent / 100)

        try:
            yield follow
        finally:
            isOver = True
