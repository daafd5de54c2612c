# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How a command shows what it is doing: a bar on a terminal, a line a step elsewhere.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import click
from rich import progress as bars
from rich.console import Console
from twisted.internet.task import LoopingCall

from onionp2p.cli.terminal import isTerminal
from onionp2p.events import Event, EventObserver, Progress, Retrying
from onionp2p.testing.consensus import NetworkStep

__all__ = ["showBootstrap", "showSteps"]

_WIDEST_BAR = 30
_SECONDS_BETWEEN_TICKS = 0.5


@contextmanager
def showSteps(title: str, *, onlyOnTerminals: bool = False) -> Iterator[NetworkStep]:
    """
    Give a callable to be told the present step, and which part of the whole is over, from 0 to 1.
    All goes to standard error, from the first step on.
    """
    if isTerminal(sys.stderr):
        with _bar(title) as step:
            yield step
    elif onlyOnTerminals:
        yield lambda text, fraction: None
    else:
        yield lambda text, fraction: click.echo(f"{title}: {text}", err=True)


@contextmanager
def _bar(title: str) -> Iterator[NetworkStep]:
    console = Console(stderr=True)
    columns = (
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(min(_WIDEST_BAR, console.width // 4)),
        bars.TimeElapsedColumn(),
    )
    progress = bars.Progress(*columns, console=console, transient=True, auto_refresh=False)
    with ExitStack() as shown:
        bar: bars.TaskID | None = None

        def step(text: str, fraction: float) -> None:
            nonlocal bar
            if bar is None:
                shown.enter_context(progress)
                bar = progress.add_task(title, total=1.0)
                shown.callback(_tick(progress.refresh))
            progress.update(bar, description=f"{title}: {text}", completed=fraction, refresh=True)

        yield step


def _tick(refresh: Callable[[], object]) -> Callable[[], None]:
    """
    Have the time go on between two steps, without the thread that rich would start for it.

    @return: a callable that ends this.
    """
    ticking = LoopingCall(refresh)
    # Who can't draw any more had better not stop what is drawn.
    ticking.start(_SECONDS_BETWEEN_TICKS, now=False).addErrback(lambda _: None)

    def stop() -> None:
        if ticking.running:
            ticking.stop()

    return stop


@contextmanager
def showBootstrap(
    *, afterwards: str = "", onlyOnTerminals: bool = False
) -> Iterator[EventObserver]:
    """
    Give an observer of events that shows tor's bootstrap, each step of it once.  It may be told
    more when this is over, and shows nothing of that.

    @param afterwards: what is waited for when tor has reached its network.
    """
    shown = ""
    isOver = False
    with showSteps("tor", onlyOnTerminals=onlyOnTerminals) as step:

        def show(text: str, fraction: float) -> None:
            nonlocal shown
            if text != shown and not isOver:
                shown = text
                step(text, fraction)

        def follow(event: Event) -> None:
            match event:
                case Progress(percent=100) if afterwards:
                    show(afterwards, 1.0)
                case Progress():
                    show(event.warning or event.summary, event.percent / 100)
                case Retrying() if afterwards:
                    show(f"{afterwards}, attempt {event.attempts + 1}", 1.0)

        try:
            yield follow
        finally:
            isOver = True
