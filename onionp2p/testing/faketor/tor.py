# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A tor that only pretends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from onionp2p.testing.faketor.bootstrapping import FakeBootstrap
from onionp2p.testing.faketor.circuits import Circuits
from onionp2p.testing.faketor.clientauth import ClientKeys
from onionp2p.testing.faketor.configuration import Configuration
from onionp2p.testing.faketor.controllers import Controllers
from onionp2p.testing.faketor.doors import Doors
from onionp2p.testing.faketor.faults import Action, Rule
from onionp2p.testing.faketor.liveness import Liveness
from onionp2p.testing.faketor.moments import Moments
from onionp2p.testing.faketor.onions import Onions
from onionp2p.testing.faketor.outlet import Outlet
from onionp2p.testing.faketor.outlets import Outlets
from onionp2p.testing.faketor.reconfiguring import obey
from onionp2p.testing.faketor.streams import Stream
from onionp2p.testing.faketor.work import Work
from onionp2p.tor.process import SECONDS_TO_END
from onionp2p.waiting.outcome import Outcome

if TYPE_CHECKING:
    from onionp2p.testing.faketor.control import ControlSession
    from onionp2p.testing.faketor.dialing import SocksSession
    from onionp2p.testing.faketor.network import FakeNetwork

__all__ = ["FakeTor"]

_pids = count(5_000_001)


class FakeTor:
    """
    Speaks the control protocol and SOCKS5 on UNIX sockets and on ports of 127.0.0.1, as tor 0.4.9
    does, and brings dials to the listeners of all tors of its network.

    @ivar reactor: needs C{listenUNIX}, C{connectUNIX} and C{callLater}; for ports, C{listenTCP} and
        C{connectTCP}.
    @ivar network: what it shares with other tors.
    @ivar pid: the id that its process would have; larger than any real one.
    @ivar version: what it says it is.
    @ivar alive: whether it has not ended.
    @ivar work: what it does by itself.
    @ivar configuration: its options.
    @ivar bootstrap: its way to the network.
    @ivar onions: those that it serves.
    @ivar clientKeys: its keys to onions that let in only some.
    @ivar controllers: those who control it.
    @ivar outlets: all that it writes to, but streams.
    @ivar dialers: its SOCKS clients that are not connected yet.
    @ivar circuits: those that begin or end here.
    @ivar liveness: what it thinks of its network.
    @ivar hasPow: whether it knows of proof of work.
    @ivar configFile: where its configuration comes from; C{-} is standard input.
    @ivar doors: where it takes dials and commands.
    @ivar complaints: what it warned of last.
    @cvar outletType: what writes to its control and SOCKS connections.
    """

    version = "0.4.9.11"
    outletType: type[Outlet] = Outlet

    def __init__(
        self,
        reactor: Any,
        network: FakeNetwork,
        dataDirectory: str,
        torrc: Mapping[str, str | Sequence[str]] | None = None,
        *,
        configFile: str = "-",
        hasPow: bool = True,
    ) -> None:
        """
        @param torrc: its configuration at the start (see L{Configuration}).
        """
        self.reactor = reactor
        self.network = network
        self.pid: int = next(_pids)
        self.alive = True
        self.outlets: Outlets = Outlets(reactor, self.outletType, network.pieceSize)
        self.controllers: Controllers = Controllers()
        self.work = Work(reactor)
        self.configFile: str = configFile
        self.hasPow = hasPow
        self.configuration: Configuration = Configuration(
            {"DataDirectory": dataDirectory, **(torrc or {})}
        )
        self.bootstrap: FakeBootstrap = FakeBootstrap(reactor, self.controllers.tell)
        self.onions: Onions = Onions(self)
        self.doors: Doors = Doors(self)
        self.clientKeys: ClientKeys = ClientKeys()
        self.dialers: list[SocksSession] = []
        self.circuits: Circuits = Circuits()
        self.liveness: Liveness = Liveness(reactor, self.controllers.tell)
        self.complaints = "Catching signal TERM, exiting cleanly."
        self._moments = Moments(self)
        self._started = reactor.seconds()
        self._gone: Outcome[None] = Outcome()
        self._killing: IDelayedCall | None = None

    def __repr__(self) -> str:
        return f"<FakeTor {self.pid}>"

    @property
    def frozen(self) -> bool:
        """
        Whether nothing that it would say or bring arrives.
        """
        return self.outlets.frozen

    @property
    def pieceSize(self) -> int | None:
        """
        How many bytes it writes at a time on control and SOCKS connections; L{None} for all at
        once.
        """
        return self.outlets.pieceSize

    @pieceSize.setter
    def pieceSize(self, size: int | None) -> None:
        self.outlets.pieceSize = size

    @property
    def sessions(self) -> list[ControlSession]:
        """
        Its controllers.
        """
        return self.controllers.sessions

    @property
    def uptime(self) -> float:
        """
        How long it has run, in seconds.
        """
        return float(self.reactor.seconds() - self._started)

    @property
    def streams(self) -> list[Stream]:
        """
        What it carries.
        """
        return self.circuits.streams

    @property
    def socksTimeout(self) -> float:
        """
        How long a dial waits for the bootstrap, in seconds.
        """
        return float(self.configuration.first("SocksTimeout"))

    # What a test may do to it.

    def on(self, moment: str, *actions: Action, times: int | None = None) -> Rule:
        """
        Have something go wrong with this tor alone (see L{onionp2p.testing.faketor.faults}).
        """
        return self._moments.on(moment, *actions, times=times)

    def freeze(self) -> None:
        """
        Have it hang: it takes connections and bytes, and nothing comes of them.
        """
        if not self.frozen:
            self.outlets.freeze()
            for stream in self.streams:
                stream.freeze(self)

    def thaw(self) -> None:
        """
        Have it go on where it was.
        """
        if self.frozen:
            for stream in self.streams:
                stream.thaw(self)
            self.outlets.thaw()

    def die(self) -> None:
        """
        End at once, as by C{kill -9}.
        """
        self.complaints = "It was killed."
        for client in self._clients():
            client.transport.abortConnection()
        self.circuits.closeAll(aborting=True)
        self.exit()

    def jumpClock(self, seconds: int) -> None:
        """
        Set its clock, by 100 s at least: dials take new circuits from now on, streams live on.
        """
        self.circuits.retire()
        self.work.begin(self.bootstrap.jump, self, seconds)

    def tell(self, event: str, text: str) -> None:
        """
        Tell of an event those controllers that want to know.
        """
        self.controllers.tell(event, text)

    def dropControl(self) -> None:
        """
        Close the controllers' connections, and live on.
        """
        self.controllers.drop()

    # Its life.

    def start(self) -> None:
        """
        Do as it is configured, and begin to bootstrap.

        @raise onionp2p.testing.faketor.replies.Refused: if it can't do as it is configured.
        @raise onionp2p.testing.faketor.folders.BrokenFolder: if a service's folder is not as it
            should be.
        """
        obey(self)
        self.network.join(self)
        self.work.begin(self.bootstrap.run, self)

    def exit(self) -> None:
        """
        End, in good order.
        """
        if not self.alive:
            return
        self.thaw()
        self.alive = False
        if self._killing is not None and self._killing.active():
            self._killing.cancel()
        self.work.end()
        self.liveness.stop()
        self.network.leave(self)
        for client in self._clients():
            client.outlet.finish()
        self.circuits.closeAll()
        self.onions.withdrawAll()
        self.doors.close().addCallback(self._gone.succeed)

    def exitSoon(self) -> None:
        """
        End once what was answered is written.
        """
        self.reactor.callLater(0, self.exit)

    def dieSoon(self, complaint: str) -> None:
        """
        End by a fault of its own.
        """

        def die() -> None:
            self.die()
            self.complaints = complaint

        self.reactor.callLater(0, die)

    # As a process of ours, to those who launched it.

    async def end(self) -> None:
        """
        End; if it hangs, by force, as a real one does.
        """
        if self.frozen:
            self._killing = self.reactor.callLater(SECONDS_TO_END, self.die)
        else:
            self.exit()
        await self.whenGone()

    def whenGone(self) -> Deferred[None]:
        """
        Give a Deferred that fires when it has ended, and its sockets are gone.
        """
        return self._gone.wait()

    def endNow(self) -> None:
        """
        End without the reactor.
        """
        self.exit()

    # For its parts.

    def _clients(self) -> list[ControlSession | SocksSession]:
        return [*self.sessions, *self.dialers]

    async def at(self, moment: str) -> Action | None:
        """
        Wait for as long as the rules say, and give what shall happen (see L{Moments}).
        """
        return await self._moments.at(moment)
