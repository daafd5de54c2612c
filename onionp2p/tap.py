# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{twistd onionp2p COMMAND}: what a command takes, and the service that it runs.

A command is a L{CommandOptions} with a C{makeService(reactor)}; L{Options} lists them.
"""

from __future__ import annotations

import os
from typing import Any, ClassVar

from twisted.application.service import IService
from twisted.internet.endpoints import quoteStringArgument
from twisted.internet.interfaces import IStreamClientEndpoint, IStreamServerEndpoint
from twisted.internet.protocol import Factory
from twisted.python import usage

from onionp2p.command import CommandOptions, isOnion, reads, seconds, withExamples
from onionp2p.forwarding.commands import ForwardOptions, PublishOptions, ReachOptions
from onionp2p.leaks.strict import StrictService
from onionp2p.operating import Operated
from onionp2p.ping.echo import EchoInitiatorFactory, EchoResponderFactory
from onionp2p.ping.periodic import INTERVAL, PingInitiatorFactory
from onionp2p.ping.responder import PingResponderFactory
from onionp2p.ping.service import DialingService, ListeningService, logPingEvent
from onionp2p.ping.target import checkUnnamed, splitPeer
from onionp2p.strings import readClient, readServer

__all__ = ["Options", "makeService"]


class _OneEndedOptions(CommandOptions):
    """
    A command that either listens or dials.

    @cvar responder: makes the factory of what listens.
    @cvar initiator: makes the factory of what dials.
    @ivar listening: where to listen, or L{None}.
    @ivar dialing: whom to dial, or L{None}.
    """

    responder: type[Factory]
    initiator: type[PingInitiatorFactory]

    optParameters: ClassVar[list[list[Any]]] = [
        ["listen", None, None, "The server endpoint to listen on."],
        ["dial", None, None, "The client endpoint to connect to."],
        [
            "interval",
            None,
            INTERVAL,
            "Seconds between a result and what is sent next.",
            reads("interval", seconds),
        ],
    ]

    listening: IStreamServerEndpoint | None = None
    dialing: IStreamClientEndpoint | None = None

    def postOptions(self) -> None:
        """
        Parse the endpoint, which does no I/O.
        """
        super().postOptions()
        listen, dial = self["listen"], self["dial"]
        if (listen is None) == (dial is None):
            raise usage.UsageError("give one of --listen ENDPOINT and --dial ENDPOINT")
        from twisted.internet import reactor

        try:
            if listen is not None:
                self.listening = self.readServer(reactor, listen)
                self.onions = int(isOnion(listen))
            else:
                self.dialing = self.readClient(reactor, dial)
        except ValueError as error:
            option = "--dial" if listen is None else "--listen"
            raise usage.UsageError(f"{option}: {error}") from error

    def readServer(self, reactor: Any, description: str) -> IStreamServerEndpoint:
        """
        Read what stands behind C{--listen}.
        """
        return readServer(reactor, description)

    def readClient(self, reactor: Any, description: str) -> IStreamClientEndpoint:
        """
        Read what stands behind C{--dial}.
        """
        return readClient(reactor, description)

    def makeService(self, reactor: Any) -> IService:
        """
        Make the service of these options.
        """
        if self.listening is not None:
            return ListeningService(reactor, self.listening, self.responder())
        assert self.dialing is not None
        factory = self.initiator(reactor, logPingEvent, interval=self["interval"])
        return DialingService(reactor, self.dialing, factory)


class PingOptions(_OneEndedOptions):
    """
    C{twistd onionp2p ping}.

    With C{--libp2p}, nodes of libp2p are pinged and ping us; L{onionp2p.libp2p} is imported for
    that alone.

    @ivar peerID: who the dialled peer must be, or L{None}.
    """

    longdesc = "Answers libp2p's pings, or pings a peer for ever and logs each round trip."
    command = "ping"
    examples = (
        "twistd -n onionp2p ping --listen onionp2p:listen:port=7777:key=web.key",
        "twistd -n onionp2p ping --dial onionp2p:dial:addr=X.onion:7777",
        "twistd -n onionp2p ping --libp2p --listen tcp:7777:interface=127.0.0.1",
    )
    responder = PingResponderFactory
    initiator = PingInitiatorFactory
    optFlags: ClassVar[list[list[Any]]] = [
        ["libp2p", None, "Speak libp2p, as its nodes in other languages do."],
    ]
    optParameters: ClassVar[list[list[Any]]] = [
        ["identity", None, None, "A file: who we are to libp2p peers. By default, somebody new."],
    ]
    peerID: str | None = None

    def postOptions(self) -> None:
        if self["identity"] is not None:
            if not self["libp2p"]:
                raise usage.UsageError("--identity: it is for libp2p peers: say --libp2p, too")
            # twistd changes its folder before it runs.
            self["identity"] = os.path.abspath(self["identity"])
        super().postOptions()

    def readServer(self, reactor: Any, description: str) -> IStreamServerEndpoint:
        if not self["libp2p"]:
            return super().readServer(reactor, description)
        from onionp2p.libp2p.ping import NAME
        from onionp2p.libp2p.servers import PeerServerEndpoint

        checkUnnamed(description)
        if not description.lower().startswith("onionp2p:listen:"):
            endpoint = super().readServer(reactor, description)
            return PeerServerEndpoint(reactor, endpoint, NAME, self["identity"])
        description += f":protocol={NAME}"
        if self["identity"] is not None:
            description += f":identity={quoteStringArgument(self['identity'])}"
        return super().readServer(reactor, description)

    def readClient(self, reactor: Any, description: str) -> IStreamClientEndpoint:
        if self["libp2p"]:
            checkUnnamed(description)
            description, self.peerID = splitPeer(description)
        return super().readClient(reactor, description)

    def makeService(self, reactor: Any) -> IService:
        if not self["libp2p"]:
            return super().makeService(reactor)
        from onionp2p.libp2p.ping import PingsFactory
        from onionp2p.libp2p.pingservice import PeerDialingService

        if self.listening is not None:
            return ListeningService(reactor, self.listening, PingsFactory())
        assert self.dialing is not None
        return PeerDialingService(
            reactor,
            self.dialing,
            self.peerID,
            identity=self["identity"],
            interval=self["interval"],
        )


class EchoOptions(_OneEndedOptions):
    """
    C{twistd onionp2p echo}.
    """

    longdesc = "Sends back all it gets, or sends random bytes to a peer and checks what comes back."
    command = "echo"
    examples = (
        "twistd -n onionp2p echo --listen onionp2p:listen:port=7777",
        "twistd -n onionp2p echo --dial onionp2p:dial:addr=X.onion:7777",
    )
    responder = EchoResponderFactory
    initiator = EchoInitiatorFactory


class Options(usage.Options):
    """
    C{twistd onionp2p}.
    """

    subCommands: ClassVar[list[list[Any]]] = [
        ["ping", None, PingOptions, "Answer pings, or ping a peer."],
        ["echo", None, EchoOptions, "Echo bytes, or send some and check their echo."],
        ["forward", None, ForwardOptions, "Join two endpoints."],
        ["publish", None, PublishOptions, "Make an onion that leads to a program here."],
        ["reach", None, ReachOptions, "Make a local socket that leads to an onion."],
    ]

    examples = ("twistd -n onionp2p ping --listen onionp2p:listen:port=7777",)

    def getSynopsis(self) -> str:
        """
        Give the first line of the help.
        """
        return "Usage: twistd [twistd's options] onionp2p COMMAND [options]\n"

    def getUsage(self, width: int | None = None) -> str:
        """
        Give the help, which ends with an example.  Where a command was given, it is that one's.
        """
        usage = super().getUsage(width)
        return withExamples(usage, self.examples) if self.subCommand is None else usage

    def postOptions(self) -> None:
        """
        See that there is a command.
        """
        if self.subCommand is None:
            commands = ", ".join(name for name, *_ in self.subCommands)
            raise usage.UsageError(f"give a command: {commands}")


def makeService(options: Options) -> IService:
    """
    Make the service of the command that was given.
    """
    from twisted.internet import reactor

    command = options.subOptions
    service: IService = command.makeService(reactor)
    watchers = command.makeWatchers(reactor)
    if watchers:
        service = Operated(service, watchers)
    return StrictService(service) if command["strict"] else service
