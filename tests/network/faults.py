# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What it takes to break things and to see them come back: processes, listeners, callers.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet import reactor
from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from onionp2p import OnionAddress, OnionClientEndpoint, OnionServerEndpoint, TorOptions
from onionp2p.events import Event, observe
from onionp2p.listening.listen import OnionPort
from onionp2p.options import DialOptions, ListenOptions
from onionp2p.testing import RecordingFactory, RecordingProtocol
from onionp2p.tor.pool import leaseTor
from onionp2p.waiting.outcome import Outcome

_E = TypeVar("_E", bound=Event)


class _Departure(FileDescriptor):
    """
    Sees a process end (pidfd_open(2)).
    """

    def __init__(self, pid: int) -> None:
        FileDescriptor.__init__(self, reactor)
        try:
            self._descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            self._descriptor = -1
        self.gone: Deferred[None] = Deferred(lambda _: self._close())

    def watch(self) -> Deferred[None]:
        """
        Begin.
        """
        if self._descriptor < 0:
            self.gone.callback(None)
        else:
            reactor.addReader(self)
        return self.gone

    def fileno(self) -> int:
        return self._descriptor

    def doRead(self) -> None:
        self._close()
        self.gone.callback(None)

    def _close(self) -> None:
        reactor.removeReader(self)
        os.close(self._descriptor)


def whenGone(pid: int) -> Deferred[None]:
    """
    Give a Deferred that fires when a process has ended, whoever its parent is.
    """
    return _Departure(pid).watch()


def childrenNamed(name: str, parent: int) -> set[int]:
    """
    Give the processes of a name that another one has started.
    """
    found = set()
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with suppress(FileNotFoundError, ProcessLookupError):
            stat = Path(f"/proc/{entry}/stat").read_text()
            its, _, rest = stat.partition("(")[2].rpartition(")")
            if its == name and int(rest.split()[1]) == parent:
                found.add(int(entry))
    return found


async def torOf(options: TorOptions) -> Any:
    """
    Give the tor of these options that answers, or the next one.
    """
    lease = leaseTor(reactor, options)
    try:
        return await lease.launched()
    finally:
        lease.release()


async def kill(options: TorOptions) -> None:
    """
    Have a tor end at once, without a word; returns when it is gone.
    """
    pid = (await torOf(options)).pid
    gone = whenGone(pid)
    os.kill(pid, signal.SIGKILL)
    await gone


class Told:
    """
    All events of this process.

    @ivar events: those until now.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._awaited: list[tuple[Callable[[Event], bool], Deferred[Any]]] = []

    def note(self, event: Event) -> None:
        """
        Take one more.
        """
        self.events.append(event)
        for each in list(self._awaited):
            matches, waiting = each
            if matches(event):
                self._awaited.remove(each)
                waiting.callback(event)

    def next(self, kind: type[_E], **like: object) -> Deferred[_E]:
        """
        Give the next event of a kind, whose attributes are like these.
        """

        def matches(event: Event) -> bool:
            return isinstance(event, kind) and all(
                getattr(event, name) == value for name, value in like.items()
            )

        waiting: Deferred[_E] = Deferred()
        self._awaited.append((matches, waiting))
        return waiting

    def of(self, kind: type[_E]) -> list[_E]:
        """
        Give those of a kind.
        """
        return [event for event in self.events if isinstance(event, kind)]


@contextmanager
def hearing() -> Iterator[Told]:
    """
    Hear all that is told.
    """
    told = Told()
    forget = observe(told.note)
    try:
        yield told
    finally:
        forget()


class Caller(RecordingProtocol):
    """
    Says something, and hears it come back.
    """

    def __init__(self) -> None:
        RecordingProtocol.__init__(self, RecordingFactory())
        self._over: Outcome[None] = Outcome()

    async def echoes(self) -> None:
        """
        Say something more, and wait until it has come back.

        @raise ConnectionLost: if the connection ends before; or L{ConnectionDone}.
        """
        count = len(self.received) + 5
        self.transport.write(b"hello")
        assert (await self.receives(count)).endswith(b"hello")

    def whenOver(self) -> Deferred[None]:
        """
        Give a Deferred that fires when the connection has ended.
        """
        return self._over.wait()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        RecordingProtocol.connectionLost(self, reason)
        self._over.succeed(None)

    async def hangUp(self) -> None:
        """
        End the connection.
        """
        self.transport.abortConnection()
        await self.whenOver()


class _Callers(RecordingFactory):
    def buildProtocol(self, addr: object) -> Caller:
        return Caller()


async def listen(tor: TorOptions, **options: Any) -> OnionPort:
    """
    Serve echoes at port 7777.

    @param options: see L{ListenOptions}.
    """
    endpoint = OnionServerEndpoint(reactor, ListenOptions(**{"port": 7777, **options}, tor=tor))
    port = await endpoint.listen(RecordingFactory(echoes=True))
    assert isinstance(port, OnionPort)
    return port


async def dial(address: OnionAddress, tor: TorOptions | None = None, **options: Any) -> Caller:
    """
    Come from nowhere, by fresh circuits, and hear an echo.

    @param options: see L{DialOptions}.
    """
    wanted = DialOptions(address, isolate="dial", tor=tor or TorOptions(), **options)
    caller: Any = await OnionClientEndpoint(reactor, wanted).connect(_Callers())
    try:
        await caller.echoes()
    except BaseException:
        caller.transport.abortConnection()
        raise
    assert isinstance(caller, Caller)
    return caller


async def greets(address: OnionAddress, tor: TorOptions | None = None, **options: Any) -> None:
    """
    The same, and leave.
    """
    await (await dial(address, tor, **options)).hangUp()
