# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What happens to onions and dials, as one stream of typed values.

An endpoint tells its own observer.  All of them, of all endpoints, are events of
L{twisted.logger} too, under the key C{onionp2p}: L{observe} picks them out.  Their order, for one
listener::

    Starting, Published, (Reachable | Unreachable | Repairing)*, Stopped

and for a dial::

    Retrying*, (Connected | Failed)

with tor's own, L{Progress} and L{TorEnded}, among them.  An event's text says what the operator
is to know; it holds no key, and the address of a dialled peer is shortened (design §4.4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from twisted.logger import ILogObserver, Logger, LogLevel, globalLogPublisher
from zope.interface import implementer

if TYPE_CHECKING:
    from onionp2p.address import OnionAddress

__all__ = [
    "Cause",
    "Connected",
    "Event",
    "EventObserver",
    "Failed",
    "Progress",
    "Published",
    "Reachable",
    "Repairing",
    "Retrying",
    "Starting",
    "Stopped",
    "TorEnded",
    "Unreachable",
    "observe",
    "publish",
]

_KEY = "onionp2p"


class Event:
    """
    Something that has happened.

    @cvar level: how much an operator cares.
    """

    level: ClassVar[Any] = LogLevel.info


EventObserver: TypeAlias = Callable[[Event], None]


@dataclass(frozen=True)
class Progress(Event):
    """
    How far a tor is in reaching its network (control-spec, section 5.5).

    @ivar percent: 0 to 100.
    @ivar tag: what it does now, as a word: C{"loading_descriptors"}.
    @ivar summary: the same, for people.
    @ivar warning: what keeps it from going on, if anything, for people.
    """

    percent: int
    tag: str
    summary: str
    warning: str = ""

    @property
    def level(self) -> Any:
        """
        How much an operator cares.
        """
        return LogLevel.warn if self.warning else LogLevel.info

    def __str__(self) -> str:
        if self.warning:
            return f"tor is stuck at {self.percent}% ({self.summary}): {self.warning}"
        return f"tor bootstrapped {self.percent}%: {self.summary}"


@dataclass(frozen=True)
class TorEnded(Event):
    """
    A tor that is in use has gone; another one is launched, or the way to it sought again.

    @ivar why: what is known of it.
    @ivar pause: how long until then, in seconds.
    """

    level = LogLevel.error

    why: Exception
    pause: float

    def __str__(self) -> str:
        return f"{self.why} Starting again in {self.pause:.1f} s."


@dataclass(frozen=True)
class Starting(Event):
    """
    A listener has an address; nobody can reach it yet.
    """

    level = LogLevel.debug

    address: OnionAddress

    def __str__(self) -> str:
        return f"starting {self.address}"


@dataclass(frozen=True)
class Published(Event):
    """
    Others can look the onion up.
    """

    address: OnionAddress

    def __str__(self) -> str:
        return f"listening on {self.address}"


@dataclass(frozen=True)
class Reachable(Event):
    """
    A dial of our own came through to the listener.

    @ivar seconds: what it took.
    """

    level = LogLevel.debug

    address: OnionAddress
    seconds: float

    def __str__(self) -> str:
        return f"reachable at {self.address}, in {self.seconds:.1f} s"


class Cause(Enum):
    """
    Why a listener can't be reached, for people.
    """

    TOR_DOWN = "tor is down"
    TOR_SILENT = "tor does not answer"
    NOT_BOOTSTRAPPED = "tor has not reached its network"
    NETWORK_DOWN = "tor says that the network is down"
    NO_DESCRIPTOR = "nobody can look it up"
    NO_INTRODUCTION = "its introduction points don't work"
    TARGET_DEAD = "our own local socket does not answer"
    OTHER = "a dial of our own failed"


@dataclass(frozen=True)
class Unreachable(Event):
    """
    Others can't reach the listener.
    """

    level = LogLevel.warn

    address: OnionAddress
    cause: Cause
    detail: str = ""

    def __str__(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        return f"unreachable at {self.address}: {self.cause.value}{detail}"


@dataclass(frozen=True)
class Repairing(Event):
    """
    Something is done about a listener that can't be reached.

    @ivar step: what.
    """

    address: OnionAddress
    step: str

    def __str__(self) -> str:
        return f"repairing {self.address}: {self.step}"


@dataclass(frozen=True)
class Stopped(Event):
    """
    A listener is no more.
    """

    level = LogLevel.debug

    address: OnionAddress

    def __str__(self) -> str:
        return f"stopped {self.address}"


@dataclass(frozen=True)
class Retrying(Event):
    """
    A dial has failed in a way that may pass, and is tried again.

    @ivar attempts: how many there have been.
    @ivar error: what the last one failed with; says whom it was to reach, shortened.
    @ivar pause: how long until the next one, in seconds.
    """

    level = LogLevel.debug

    attempts: int
    error: Exception
    pause: float

    def __str__(self) -> str:
        return f"{self.error} Attempt {self.attempts + 1} in {self.pause:.1f} s."


@dataclass(frozen=True)
class Connected(Event):
    """
    A dial has come through.

    @ivar address: to whom, shortened.
    @ivar seconds: from C{connect()} until now.
    @ivar attempts: how many it took.
    """

    level = LogLevel.debug

    address: str
    seconds: float
    attempts: int

    def __str__(self) -> str:
        return f"connected to {self.address} in {self.seconds:.1f} s"


@dataclass(frozen=True)
class Failed(Event):
    """
    A dial has failed for good, or was cancelled.

    @ivar error: what C{connect()} fails with.
    """

    level = LogLevel.debug

    error: BaseException

    def __str__(self) -> str:
        return str(self.error)


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
