# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
An event, and how it is told: to an endpoint's observer, and to all who observe this process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

from twisted.logger import ILogObserver, Logger, LogLevel, globalLogPublisher
from zope.interface import implementer

__all__ = ["Event", "EventObserver", "observe", "publish"]

_KEY = "onionp2p"


class Event:
    """
    Something that has happened.

    @cvar level: how much an operator cares.
    """

    level: ClassVar[Any] = LogLevel.info


EventObserver: TypeAlias = Callable[[Event], None]


def publish(log: Logger, event: Event, observer: EventObserver | None = None) -> None:
    """
    Tell an event to the log and to an observer, if there is one.  An observer that fails is logged:
    it is the application's, and what it observes must go on.
    """
    log.emit(event.level, "{onionp2p}", **{_KEY: event})
    if observer is None:
        return
    try:
        observer(event)
    except Exception:  # noqa: BLE001 - see above
        log.failure("an observer of events failed:")


def observe(observer: EventObserver) -> Callable[[], None]:
    """
    Have C{observer} told of every event of this process.  It must not fail.

    @return: a callable that ends this.
    """

    @implementer(ILogObserver)
    def pick(logged: dict[str, Any]) -> None:
        event = logged.get(_KEY)
        if isinstance(event, Event):
            observer(event)

    globalLogPublisher.addObserver(pick)
    return lambda: globalLogPublisher.removeObserver(pick)
