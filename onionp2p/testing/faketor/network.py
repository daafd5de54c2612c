# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A network of fake tors.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint

from onionp2p.errors import TorDied, TorError
from onionp2p.local.quiet import quietFactory
from onionp2p.testing.faketor.dialing import DialRecord
from onionp2p.testing.faketor.faults import Action, Rule, Rules
from onionp2p.testing.faketor.publishing import Descriptor
from onionp2p.testing.faketor.tor import FakeTor
from onionp2p.testing.memory import MemoryReactor
from onionp2p.tor.pool import setLauncher, shutdown
from onionp2p.waiting.outcome import Outcome

if TYPE_CHECKING:
    from onionp2p.options import TorOptions
    from onionp2p.tor.launch import LaunchedTor
    from onionp2p.tor.rundir import RunDirectory

__all__ = ["FakeNetwork"]


class FakeNetwork:
    """
    Some fake tors, and the directories that they share.

    While it is entered, every C{onionp2p:} endpoint of a reactor uses a tor of this network::

        reactor = MemoryReactor()
        reactor.start()
        with FakeNetwork(reactor) as network:
            listening = serverFromString(reactor, "onionp2p:listen:port=7777").listen(factory)
            port = reactor.resultOf(listening)

    On a real reactor it does the same with real UNIX sockets; leave it by C{async with} there,
    which waits until all is closed.

    @ivar tors: the tors that endpoints have launched, in their order.
    @ivar descriptors: what the directories know, by the label of the onion.
    @ivar dials: every request to connect that a tor received.
    @ivar pieceSize: see L{FakeTor}; for the tors launched from now on.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._rules = Rules()
        self.tors: list[FakeTor] = []
        self.descriptors: dict[str, Descriptor] = {}
        self.dials: list[DialRecord] = []
        self.pieceSize: int | None = None
        self._members: list[FakeTor] = []
        self._up: Outcome[None] = Outcome()
        self._up.succeed(None)

    def on(self, moment: str, *actions: Action, times: int | None = None) -> Rule:
        """
        Have something go wrong with any tor here (see L{onionp2p.testing.faketor.faults}).
        """
        return self._rules.on(moment, *actions, times=times)

    def at(self, moment: str) -> Iterator[Action]:
        """
        Give what happens at a moment.
        """
        return self._rules.at(moment)

    def loseDescriptor(self, label: str) -> None:
        """
        Have the directories forget an onion.
        """
        self.descriptors.pop(label, None)

    def startTor(
        self,
        dataDirectory: str,
        torrc: Mapping[str, str | Sequence[str]],
        *,
        hasPow: bool = True,
    ) -> FakeTor:
        """
        Start a tor that is nobody's here, like one that the system runs.

            >>> network.startTor(folder, {"ControlPort": "9051", "CookieAuthentication": "1"})

        @param dataDirectory: for the cookie, where there is one: a real folder then.
        @param torrc: options and their values, or lists of values.  C{ControlPort} and
            C{SocksPort} are C{unix:/path}, C{127.0.0.1:port} or C{auto}; services in folders are
            lines of C{HiddenServiceOptions}, such as C{HiddenServiceDir /path}.
        @param hasPow: whether it knows of proof of work.

        @raise onionp2p.testing.faketor.replies.Refused: if it can't do what they say.
        """
        file = f"{dataDirectory}/torrc"
        tor = FakeTor(self._reactor, self, dataDirectory, torrc, configFile=file, hasPow=hasPow)
        tor.start()
        return tor

    def join(self, tor: FakeTor) -> None:
        """
        Count a tor among those that use this network.
        """
        self._members.append(tor)
        if not self._up.known:
            tor.liveness.silence()

    def leave(self, tor: FakeTor) -> None:
        """
        Count it no more.
        """
        if tor in self._members:
            self._members.remove(tor)

    def goDown(self) -> None:
        """
        Bring nothing any more, as if all relays were frozen: no dial, no descriptor, no byte.
        """
        if not self._up.known:
            return
        self._up = Outcome()
        for tor in self._members:
            tor.liveness.silence()
            for stream in tor.streams:
                stream.freeze(self)

    def comeBack(self) -> None:
        """
        Go on where it was.
        """
        for tor in self._members:
            tor.liveness.sound()
            for stream in tor.streams:
                stream.thaw(self)
        self._up.succeed(None)

    def whenUp(self) -> Deferred[None]:
        """
        Give a Deferred that fires once the network brings anything.
        """
        return self._up.wait()

    async def launch(
        self, reactor: Any, options: TorOptions, runDirectory: RunDirectory
    ) -> LaunchedTor:
        """
        Launch a tor, as L{onionp2p.tor.launch.launchTor} would.
        """
        from onionp2p.tor.bootstrap import Bootstrap
        from onionp2p.tor.control import TorControl
        from onionp2p.tor.launch import LaunchedTor

        tor = FakeTor(
            reactor,
            self,
            runDirectory.path,
            {"SocksPort": f"unix:{runDirectory.socksPath}", "__ReloadTorrcOnSIGHUP": "0"},
        )
        self.tors.append(tor)
        control = TorControl(reactor)
        bootstrap = Bootstrap(reactor, control)
        try:
            await tor.at("LAUNCH")
            controlPath = os.path.join(runDirectory.path, "control")
            tor.doors.openControl(controlPath, owner=True)
            tor.start()
            controller = quietFactory(control.protocol)
            await UNIXClientEndpoint(reactor, controlPath).connect(controller)
            await control.ready()
            await bootstrap.follow()
        except BaseException as problem:
            bootstrap.stop()
            died = not tor.alive
            await tor.end()
            if died or isinstance(problem, TorError):
                raise TorDied(f"Tor's last words: {tor.complaints}") from None
            raise
        return LaunchedTor(tor, control, bootstrap, runDirectory, ExitStack())

    def start(self) -> None:
        """
        Have the reactor's endpoints use this network from now on.
        """
        setLauncher(self._reactor, self.launch)

    def stop(self) -> Deferred[None]:
        """
        End all of it.

        @return: fires when nothing is left.
        """
        setLauncher(self._reactor, None)
        launched = shutdown(self._reactor, self.launch)
        return launched.addCallback(lambda _: Deferred.fromCoroutine(self._endMembers()))

    async def _endMembers(self) -> None:
        for tor in list(self._members):
            await tor.end()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        stopped = self.stop()
        if isinstance(self._reactor, MemoryReactor):
            self._reactor.resultOf(stopped)
            self._reactor.advance(0)

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()
