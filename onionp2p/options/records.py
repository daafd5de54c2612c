# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What an endpoint is asked for, as frozen records.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from onionp2p.address import OnionAddress
from onionp2p.local.places import PortOrPath
from onionp2p.options.combinations import DIAL, LISTEN, checkDial, checkListen, optionsOf
from onionp2p.options.paths import ONION_IDENTITY
from onionp2p.options.table import ProofOfWork, Wait, checkValues, wrong

if TYPE_CHECKING:
    from onionp2p.clients.x25519 import ClientKey

__all__ = ["WATCH_SECONDS", "Admission", "DialOptions", "ListenOptions", "TorOptions"]

WATCH_SECONDS = 600.0
"""
How often a listener is looked after, unless it is said otherwise.
"""

_POW_RATE, _POW_BURST = 250, 2500  # tor's own


@dataclass(frozen=True)
class TorOptions:
    """
    The tor to use.  Endpoints with equal ones share one tor.

    @ivar torrc: a file of lines for tor, or L{None} for C{$ONIONP2P_TORRC}.
    @ivar defaultsTorrc: a file of lines beneath those, or L{None}.
    @ivar state: tor's folder, exactly this one; L{None} for the first free one.
    @ivar program: the tor program, or L{None} for C{$ONIONP2P_TOR} or C{PATH}.
    @ivar control: the control port of a tor that runs already, or L{None} to launch one; if it is
        given, the others are L{None}.

    @raise ValueError: if a value is none that its option takes in an endpoint string.
    """

    torrc: str | None = None
    defaultsTorrc: str | None = None
    state: str | None = None
    program: str | None = None
    control: PortOrPath | None = None

    def __post_init__(self) -> None:
        checkValues("onionp2p", self)


@dataclass(frozen=True)
class Admission:
    """
    Who may come in to an onion, and how many.

    @ivar clients: the file that lists who may, or L{None} for everybody with the address.
    @ivar proofOfWork: whether callers compute first.
    @ivar powRate: how many callers per second are let in without, or L{None} for tor's own.
    @ivar powBurst: the same for a short time, or L{None}.
    @ivar maxStreams: connections per circuit, 0 for any number.
    @ivar introRate: how many callers per second each introduction point passes on, or L{None} for
        any number; needs C{circuits} or C{frontend}.
    @ivar introBurst: the same for a short time.

    @raise ValueError: if a value is none that its option takes in an endpoint string, or if they
        don't go together.
    """

    clients: str | None = None
    proofOfWork: ProofOfWork = ProofOfWork.AUTO
    powRate: int | None = None
    powBurst: int | None = None
    maxStreams: int = 0
    introRate: int | None = None
    introBurst: int = 200

    def __post_init__(self) -> None:
        checkValues(LISTEN, self)
        hasQueue = self.powRate is not None or self.powBurst is not None
        if self.proofOfWork is ProofOfWork.NO and hasQueue:
            raise wrong(LISTEN, "pow", "no leaves powrate= and powburst= without use")
        # Of the one that is not given, tor has its own.
        rate, burst = self.powRate or _POW_RATE, self.powBurst or _POW_BURST
        if burst < rate:
            raise wrong(LISTEN, "powburst", f"({burst}) can't be less than powrate= ({rate})")
        if self.introRate is not None and self.introBurst < self.introRate:
            raise wrong(LISTEN, "introburst", "can't be less than introrate=")


@dataclass(frozen=True)
class ListenOptions:
    """
    An onion service to make, or one to attach to.

    @ivar port: its virtual port, 1 to 65535.
    @ivar key: the file of its identity, or L{None} for a fresh one.
    @ivar attach: the onion that some tor serves already, or L{None} to make one; if it is given,
        C{key}, C{admission}, C{circuits} and C{frontend} are as by default.
    @ivar target: where tor delivers; L{None} to choose, or, with C{attach}, to ask tor.
    @ivar admission: who may come in.
    @ivar maxConnections: how many connections this listener has at a time, 0 for any number.
    @ivar circuits: whether C{getPeer()} tells circuits apart.
    @ivar frontend: the address that this is one Onionbalance backend of, as its 56 characters, or
        L{None}.
    @ivar wait: when C{listen()} fires.
    @ivar watch: how often to see whether strangers can reach it, in seconds; L{None} for never.
    @ivar timeout: until C{listen()} fires, in seconds.
    @ivar protocol: the name of the libp2p protocol that the application speaks on each stream, or
        L{None} if it has the connections themselves.
    @ivar identity: the file of the libp2p identity, L{ONION_IDENTITY}, or L{None} for a fresh one.
    @ivar peerID: the libp2p peer that is there, to be told with the address; with C{protocol} it
        comes from the identity.
    @ivar tor: the tor to use.

    @raise ValueError: if a value is none that its option takes in an endpoint string, or if they
        don't go together.
    """

    port: int
    key: str | None = None
    attach: OnionAddress | None = None
    target: PortOrPath | None = None
    admission: Admission = field(default_factory=Admission)
    maxConnections: int = 0
    circuits: bool = False
    frontend: str | None = None
    wait: Wait = Wait.PUBLISHED
    watch: float | None = WATCH_SECONDS
    timeout: float = 300.0
    protocol: str | None = None
    identity: str | None = None
    peerID: str | None = None
    tor: TorOptions = field(default_factory=TorOptions)

    def __post_init__(self) -> None:
        checkValues(LISTEN, self)
        checkListen(optionsOf(self))
        if self.wait is Wait.REACHABLE and self.attach is not None:
            raise wrong(LISTEN, "wait", "reachable is for onions of our own, not with addr=")
        if self.wait is Wait.REACHABLE and self.watch is None:
            raise wrong(LISTEN, "watch", "no leaves wait=reachable without an answer")
        if self.identity == ONION_IDENTITY and self.key is None:
            raise wrong(LISTEN, "identity", "onion needs key=, the file of the onion's own key")
        if self.identity is not None and self.identity == self.key:
            raise wrong(
                LISTEN,
                "identity",
                "is the onion's own file: say identity=onion if peers shall know them as one",
            )


@dataclass(frozen=True)
class DialOptions:
    """
    An onion service to reach.

    @ivar address: whom to dial.  With C{protocol}, its peer is the one that must answer.
    @ivar auth: our key to an onion with client authorization, or the file that holds it, or
        L{None}.
    @ivar isolate: C{"dial"} for fresh circuits for every C{connect()}, any other word for those
        of all the endpoints with the same one, L{None} for those of this endpoint alone.
    @ivar socks: the SOCKS port of a tor that runs already, or L{None}; if it is given, C{auth} is
        L{None} and C{tor} as by default.
    @ivar timeout: the whole of a C{connect()}, in seconds.
    @ivar protocol: the name of the libp2p protocol to speak, on a stream of a connection that dials
        share as they share circuits; or L{None} for a connection and nothing on it.
    @ivar identity: the file of our libp2p identity, or L{None} for a fresh one.
    @ivar tor: the tor to use.

    @raise ValueError: if a value is none that its option takes in an endpoint string, or if they
        don't go together.
    """

    address: OnionAddress
    auth: ClientKey | str | None = None
    isolate: str | None = None
    socks: PortOrPath | None = None
    timeout: float = 120.0
    protocol: str | None = None
    identity: str | None = None
    tor: TorOptions = field(default_factory=TorOptions)

    def __post_init__(self) -> None:
        checkValues(DIAL, self)
        checkDial(optionsOf(self))
        if self.address.peerID is not None and self.protocol is None:
            raise wrong(
                DIAL,
                "addr",
                "has /p2p/<peer id>, which names a libp2p peer, which only libp2p's own handshake"
                " can prove: say what to speak with it, protocol=NAME, or leave it out",
            )
        if self.identity == ONION_IDENTITY:
            raise wrong(
                DIAL,
                "identity",
                "onion is for listeners, who have one; a file of that name is ./onion",
            )
