# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A tor that only pretends.
"""

from __future__ import annotations

from itertools import chain, count
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import deferLater

from onionp2p.outcome import Outcome
from onionp2p.testing.faketor.bootstrapping import FakeBootstrap
from onionp2p.testing.faketor.clientauth import ClientKeys
from onionp2p.testing.faketor.configuration import Configuration
from onionp2p.testing.faketor.control import ControlSession
from onionp2p.testing.faketor.dialing import SocksSession
from onionp2p.testing.faketor.doors import Doors
from onionp2p.testing.faketor.faults import Action, Delay, Die, Hang, Rule, Rules
from onionp2p.testing.faketor.onions import Onions
from onionp2p.testing.faketor.outlet import Outlet
from onionp2p.testing.faketor.streams import Stream
from onionp2p.testing.faketor.work import Work

if TYPE_CHECKING:
    from onionp2p.testing.faketor.network import FakeNetwork

__all__ = ["FakeTor"]

_pids = count(5_000_001)
_SECONDS_TO_END_FROZEN = 5.0


class FakeTor:
    """
    Speaks the control protocol and SOCKS5 on UNIX sockets, as tor 0.4.9 does, and brings dials to
    the listeners of all tors of its network.

    @ivar reactor: needs C{listenUNIX}, C{connectUNIX} and C{callLater}, no more.
    @ivar network: what it shares with other tors.
    @ivar pid: the id that its process would have; larger than any real one.
    @ivar version: what it says it is.
    @ivar alive: whether it has not ended.
    @ivar frozen: whether nothing that it would say or bring arrives.
    @ivar pieceSize: how many bytes it writes at a time on control and SOCKS connections, or
        L{None} for all at once.
    @ivar work: what it does by itself.
    @ivar configuration: its options.
    @ivar bootstrap: its way to the network.
    @ivar onions: those that it serves.
    @ivar clientKeys: its keys to onions that let in only some.
    @ivar sessions: its controllers.
    @ivar dialers: its SOCKS clients that are not connected yet.
    @ivar streams: what it carries.
    @ivar doors: where it takes dials and commands.
    @ivar complaints: what it warned of last.
    """

    version = "0.4.9.11"

    def __init__(self, reactor: Any, network: FakeNetwork, dataDirectory: str) -> None:
        self.reactor = reactor
        self.network = network
        self.pid = next(_pids)
        self.alive = True
        self.frozen = False
        self.pieceSize = network.pieceSize
        self.work = Work(reactor)
        self.configuration: Configuration = Configuration(DataDirectory=dataDirectory)
        self.bootstrap = FakeBootstrap(reactor, self.tell)
        self.onions: Onions = Onions(self)
        self.doors: Doors = Doors(self)
        self.clientKeys: ClientKeys = ClientKeys()
        self.sessions: list[ControlSession] = []
        self.dialers: list[SocksSession] = []
        self.streams: list[Stream] = []
        self.complaints = "Catching signal TERM, exiting cleanly."
        self._rules = Rules()
        self._started = reactor.seconds()
        self._gone: Outcome[None] = Outcome()
        self._killing: IDelayedCall | None = None
        self._outlets: list[Outlet] = []
        self._awake: Outcome[None] = Outcome()
        self._awake.succeed(None)

    def __repr__(self) -> str:
        return f"<FakeTor {self.pid}>"

    @property
    def uptime(self) -> float:
        """
        How long it has run, in seconds.
        """
        return float(self.reactor.seconds() - self._started)

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
        return self._rules.on(moment, *actions, times=times)

    def freeze(self) -> None:
        """
        Have it hang: it takes connections and bytes, and nothing comes of them.
        """
        if self.frozen:
            return
        self.frozen = True
        self._awake = Outcome()
        for outlet in self._outlets:
            outlet.freeze()
        for stream in self.streams:
            stream.freeze()

    def thaw(self) -> None:
        """
        Have it go on where it was.
        """
        if not self.frozen:
            return
        self.frozen = False
        for outlet in list(self._outlets):
            outlet.thaw()
        for stream in list(self.streams):
            stream.thaw()
        self._awake.succeed(None)

    def die(self) -> None:
        """
        End at once, as by C{kill -9}.
        """
        self.complaints = "It was killed."
        for client in self._clients():
            client.transport.abortConnection()
        for stream in list(self.streams):
            stream.abort()
        self.exit()

    def dropControl(self) -> None:
        """
        Close the controllers' connections, and live on.
        """
        for session in list(self.sessions):
            session.transport.abortConnection()

    # Its life.

    def start(self) -> None:
        """
        Begin to bootstrap.
        """
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
        for client in self._clients():
            client.outlet.finish()
        for stream in list(self.streams):
            stream.close()
        self.onions.withdrawAll()
        self.doors.close().addCallback(self._gone.succeed)

    def exitSoon(self) -> None:
        """
        End once what was answered is written.
        """
        self.reactor.callLater(0, self.exit)

    # As a process of ours, to those who launched it.

    async def end(self) -> None:
        """
        End; if it hangs, after 5 s by force.
        """
        if self.frozen:
            self._killing = self.reactor.callLater(_SECONDS_TO_END_FROZEN, self.die)
        else:
            self.exit()
        await self._gone.wait()

    def endNow(self) -> None:
        """
        End without the reactor.
        """
        self.exit()

    # For its parts.

    def _clients(self) -> list[ControlSession | SocksSession]:
        return [*self.sessions, *self.dialers]

    def newOutlet(self, transport: Any) -> Outlet:
        """
        Give what writes to a new connection.
        """
        outlet = Outlet(self.reactor, transport, self.pieceSize)
        if self.frozen:
            outlet.freeze()
        self._outlets.append(outlet)
        return outlet

    def forgetOutlet(self, outlet: Outlet) -> None:
        """
        Its connection is gone, or another's.
        """
        self._outlets.remove(outlet)
        outlet.stop()

    async def at(self, moment: str) -> Action | None:
        """
        Wait for as long as the rules say, if they do.

        @return: what shall happen at this moment instead of what should, if anything.

        @raise CancelledError: if it ends.
        """
        await self._awake.wait()
        for action in chain(self._rules.at(moment), self.network.at(moment)):
            if isinstance(action, Delay):
                await deferLater(self.reactor, action.seconds)
            elif isinstance(action, Hang):
                self.freeze()
            elif isinstance(action, Die):
                self.reactor.callLater(0, self.die)
                await self._gone.wait()
                raise CancelledError
            else:
                return action
            await self._awake.wait()
        return None

    def tell(self, event: str, text: str) -> None:
        """
        Tell the controllers that want to know.
        """
        for session in list(self.sessions):
            session.tell(event, text)

    def setConf(self, text: str, *, reset: bool) -> list[str]:
        """
        Answer C{SETCONF} or C{RESETCONF}.
        """
        before = self.configuration.all("ControlPort")
        answer = self.configuration.setConf(text, reset=reset)
        self.doors.follow(before, self.configuration.all("ControlPort"))
        return answer

    def carry(self, partner: FakeTor | None, stream: Stream) -> None:
        """
        Carry a stream, together with the tor that serves the onion at its other end.
        """
        for tor in {self, partner or self}:
            tor.streams.append(stream)
            stream.closed.wait().addCallback(lambda _, its: its.remove(stream), tor.streams)
