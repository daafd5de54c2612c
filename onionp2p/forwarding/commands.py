# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{twistd onionp2p forward}, C{publish} and C{reach}: what they take.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, NoReturn

from twisted.application.service import IService
from twisted.internet.interfaces import IStreamClientEndpoint, IStreamServerEndpoint
from twisted.python import usage

from onionp2p.command import CommandOptions, isOnion, reads, seconds
from onionp2p.endpoints import OnionClientEndpoint, OnionServerEndpoint
from onionp2p.forwarding.forwarder import Forwarder
from onionp2p.forwarding.limits import Limits
from onionp2p.forwarding.publishing import checkOptions, parseTarget
from onionp2p.forwarding.reaching import WARM_SECONDS
from onionp2p.forwarding.service import CarrierService, beginForward, beginPublish, beginReach
from onionp2p.local.places import Place
from onionp2p.options import DialOptions, ListenOptions
from onionp2p.strings import readClient, readServer

__all__ = ["ForwardOptions", "PublishOptions", "ReachOptions"]

_ONION_TO_LISTEN = "expected onionp2p:listen:…, an onion of ours"
_ONION_TO_DIAL = "expected onionp2p:dial:…, an onion"


def number(text: str) -> int:
    """
    Read a number that is more than 0.

    @raise ValueError: for anything else.
    """
    if not (text.isascii() and text.isdecimal() and len(text) < 8 and int(text)):
        raise ValueError(f"a number is expected, 1 to 9999999, not {text!r}")
    return int(text)


def secondsOrNone(text: str) -> float:
    """
    Read a number of seconds, 0 for never.

    @raise ValueError: for anything else.
    """
    return 0.0 if text == "0" else seconds(text)


class _CarrierOptions(CommandOptions):
    """
    What the three have in common: texts, each of which is needed, and is read with no I/O.
    """

    def wrong(self, option: str, why: object) -> NoReturn:
        """
        Refuse an option.
        """
        raise usage.UsageError(f"--{option}: {why}")

    def server(self, option: str) -> IStreamServerEndpoint:
        """
        Read a server endpoint.
        """
        from twisted.internet import reactor

        try:
            return readServer(reactor, self.text(option))
        except ValueError as error:
            self.wrong(option, error)

    def client(self, option: str) -> IStreamClientEndpoint:
        """
        Read a client endpoint.
        """
        from twisted.internet import reactor

        try:
            return readClient(reactor, self.text(option))
        except ValueError as error:
            self.wrong(option, error)

    def text(self, option: str) -> str:
        """
        Give an option that has no default.
        """
        text: str | None = self[option]
        if text is None:
            raise usage.UsageError(f"--{option} is missing: see --help")
        return text


_CONNECTIONS = [
    "connections",
    None,
    Limits.connections,
    "How many to carry at a time.",
    reads("connections", number),
]


class ForwardOptions(_CarrierOptions):
    """
    C{twistd onionp2p forward}.

    @ivar listening: where connections come in.
    @ivar dialing: where each is carried to.
    """

    longdesc = "Carries each connection that comes in at one endpoint to another."
    command = "forward"
    examples = ("twistd -n onionp2p forward --listen onionp2p:listen:port=22 --dial unix:/s",)
    optParameters: ClassVar[list[list[Any]]] = [
        ["listen", None, None, "The server endpoint where connections come in."],
        ["dial", None, None, "The client endpoint that each is carried to."],
        _CONNECTIONS,
        [
            "timeout",
            None,
            Limits.seconds,
            "Seconds that a dial may take.",
            reads("timeout", seconds),
        ],
    ]

    def postOptions(self) -> None:
        super().postOptions()
        self.listening, self.dialing = self.server("listen"), self.client("dial")
        self.onions = int(isOnion(self["listen"]))

    def makeService(self, reactor: Any) -> IService:
        """
        Make the service of these options.
        """
        limits = Limits(self["connections"], self["connections"], self["timeout"])
        forwarder = Forwarder(reactor, self.dialing, limits)
        return CarrierService(reactor, partial(beginForward, self.listening, forwarder))


class PublishOptions(_CarrierOptions):
    """
    C{twistd onionp2p publish}.

    @ivar target: where the program listens.
    @ivar onion: what leads to it.
    """

    longdesc = "Makes an onion that leads to a program on this machine."
    command = "publish"
    examples = ("twistd -n onionp2p publish --target unix:/s --listen onionp2p:listen:port=80",)
    optParameters: ClassVar[list[list[Any]]] = [
        ["target", None, None, "Where the program listens: unix:/path or tcp:127.0.0.1:PORT."],
        ["listen", None, None, "The onion: onionp2p:listen:port=PORT:key=PATH."],
    ]
    onions = 1

    target: Place
    onion: ListenOptions

    def postOptions(self) -> None:
        super().postOptions()
        try:
            self.target = parseTarget(self.text("target"))
        except ValueError as error:
            self.wrong("target", error)
        endpoint = self.server("listen")
        if not isinstance(endpoint, OnionServerEndpoint):
            self.wrong("listen", _ONION_TO_LISTEN)
        self.onion = endpoint.options
        try:
            checkOptions(self.onion)
        except ValueError as error:
            self.wrong("listen", error)

    def makeService(self, reactor: Any) -> IService:
        """
        Make the service of these options.
        """
        return CarrierService(reactor, partial(beginPublish, reactor, self.target, self.onion))


class ReachOptions(_CarrierOptions):
    """
    C{twistd onionp2p reach}.

    @ivar onion: whom to reach.
    @ivar at: the local place.
    """

    longdesc = "Makes a local socket that leads to an onion."
    command = "reach"
    examples = ("twistd -n onionp2p reach --dial onionp2p:dial:addr=X.onion:80 --at unix:/s",)
    optParameters: ClassVar[list[list[Any]]] = [
        ["dial", None, None, "The onion: onionp2p:dial:addr=ADDRESS."],
        ["at", None, None, "The socket: unix:/path, or tcp:127.0.0.1:PORT, 0 for any."],
        [
            "warm",
            None,
            WARM_SECONDS,
            "Seconds between dials that keep it warm, or 0.",
            reads("warm", secondsOrNone),
        ],
        [
            "timeout",
            None,
            300.0,
            "Seconds that the onion has to answer first.",
            reads("timeout", seconds),
        ],
        _CONNECTIONS,
    ]

    at: Place
    onion: DialOptions

    def postOptions(self) -> None:
        super().postOptions()
        try:
            self.at = Place.fromString(self.text("at"))
        except ValueError as error:
            self.wrong("at", error)
        endpoint = self.client("dial")
        if not isinstance(endpoint, OnionClientEndpoint):
            self.wrong("dial", _ONION_TO_DIAL)
        self.onion = endpoint.options

    def makeService(self, reactor: Any) -> IService:
        """
        Make the service of these options.
        """
        limits = Limits(self["connections"], self["connections"])
        begin = partial(
            beginReach,
            reactor,
            self.onion,
            self.at,
            warm=self["warm"],
            timeout=self["timeout"],
            limits=limits,
        )
        return CarrierService(reactor, begin)
