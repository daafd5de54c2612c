# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Whether strangers can reach an onion of ours.

Theory of operation.  We do what a stranger does: look the descriptor up at its directories, afresh,
and dial by a circuit of our own; but to a virtual port that we don't serve.  The refusal (SOCKS
code 05) comes from the onion's own tor, over introduction and rendezvous, and nobody without the
key can give it.  So it proves all of the way; it reaches no program and delays nobody; and there is
nothing that a stranger could find, or tell from his own knock at a closed port.  What it does not
prove, that our local socket is where tor looks for it, we can see without (L{LocalPort}).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from twisted.internet.defer import TimeoutError

from onionp2p.dialing.handshake import Handshake
from onionp2p.dialing.isolation import Isolation
from onionp2p.dialing.socks import SocksClient
from onionp2p.errors import (
    BootstrapStalled,
    ClientKeyConflict,
    ConnectionRefused,
    ControlTimeout,
    DescriptorNotFound,
    DialError,
    IntroductionFailed,
    IntroductionTimeout,
    NoSocksPort,
    RendezvousFailed,
    TooManyOpenFiles,
    TorDied,
    TorError,
)
from onionp2p.events import Cause
from onionp2p.waiting.outcome import Outcome

if TYPE_CHECKING:
    from onionp2p.tor.lease import TorLease
    from onionp2p.tor.servedport import ServedPort
    from onionp2p.tor.tor import Tor

__all__ = ["ProbeFailed", "probe", "published"]

# On the live network it takes 40 s.
_SECONDS_TO_PUBLISH = 120.0
_SECONDS_TO_FETCH = 60.0
_SECONDS_TO_KNOCK = 60.0
_KNOCKS = 3
_INTRODUCTION = (IntroductionFailed, IntroductionTimeout, RendezvousFailed)


class ProbeFailed(Exception):
    """
    The onion could not be reached.

    @ivar cause: why, as far as is known.
    @ivar detail: the same, for people; may be empty.
    """

    def __init__(self, cause: Cause, detail: object = "") -> None:
        super().__init__(cause.value, detail)
        self.cause = cause
        self.detail = str(detail)


async def published(reactor: Any, lease: TorLease, served: ServedPort) -> None:
    """
    Wait until others can look an onion up.

    @param lease: of the tor that serves it.

    @raise ProbeFailed: if that takes too long: says what keeps it.
    @raise TorError: if tor has gone.
    """
    tor = await lease.launched()
    try:
        await tor.bootstrap.whenDone()
    except BootstrapStalled:  # it goes on trying
        raise ProbeFailed(Cause.NOT_BOOTSTRAPPED, tor.bootstrap.progress) from None
    try:
        await served.whenPublished().addTimeout(_SECONDS_TO_PUBLISH, reactor)
    except TimeoutError:
        with _classified(tor):
            await _beConnected(tor)
        raise ProbeFailed(Cause.NO_DESCRIPTOR, served.uploads) from None


async def probe(reactor: Any, lease: TorLease, served: ServedPort) -> float:
    """
    Reach an onion as a stranger would.

    @param lease: of the tor that serves it.

    @return: how long it took, in seconds.

    @raise ProbeFailed: says why it can't be reached.
    """
    begun: float = reactor.seconds()
    tor = lease.present
    if tor is None:
        raise ProbeFailed(Cause.TOR_DOWN)
    with _classified(tor):
        await _beConnected(tor)
        if tor.bootstrap.progress.percent < 100:
            raise ProbeFailed(Cause.NOT_BOOTSTRAPPED, tor.bootstrap.progress)
        await tor.bootstrapped()  # one that others run is asked anew where it takes dials
        try:
            await _fetch(reactor, tor, served.label)
            await _knock(reactor, lease, tor, served)
        except NoSocksPort as error:
            raise ProbeFailed(Cause.NO_SOCKS, error) from None
        except ProbeFailed:
            await _beConnected(tor)  # by now tor may have noticed
            raise
    return float(reactor.seconds() - begun)


@contextmanager
def _classified(tor: Tor) -> Iterator[None]:
    """
    Make of what fails between us and our own tor what is told of the onion.
    """
    try:
        yield
    except ControlTimeout as error:
        raise ProbeFailed(Cause.TOR_SILENT, error) from None
    except TorError as error:
        # One that lives may have lost its SOCKS socket, as we may lose ours.
        cause = Cause.TOR_DOWN if tor.control.lost else Cause.OTHER
        raise ProbeFailed(cause, error) from None


async def _beConnected(tor: Tor) -> None:
    if await tor.control.getInfo("network-liveness") == "down":
        raise ProbeFailed(Cause.NETWORK_DOWN)


async def _fetch(reactor: Any, tor: Tor, label: str) -> None:
    """
    Have the descriptor fetched from its directories, and not from tor's memory.
    """
    received: Outcome[None] = Outcome()
    reasons: list[str] = []

    def note(text: str) -> None:
        action, whose, *rest = text.split()
        if whose == label and action == "RECEIVED":
            received.succeed(None)
        elif whose == label and action == "FAILED":
            reasons.extend(word for word in rest if word.startswith("REASON="))

    forget = tor.control.observe("HS_DESC", note)
    try:
        await tor.control.command(f"HSFETCH {label}")
        await received.wait().addTimeout(_SECONDS_TO_FETCH, reactor)
    except TimeoutError:
        raise ProbeFailed(Cause.NO_DESCRIPTOR, reasons[-1] if reasons else "") from None
    finally:
        forget()


async def _knock(reactor: Any, lease: TorLease, tor: Tor, served: ServedPort) -> None:
    """
    Be refused by the onion itself.
    """
    try:
        revoke = await served.enter(tor.authorizations)
    except ClientKeyConflict:
        revoke = _nothing  # of a dialer in this process: its key will do

    try:
        for _ in range(_KNOCKS):
            async with lease.queue.turn(served.label):
                error = await _knockOnce(reactor, tor, served)
            if error is None:
                return
            if not error.freshCircuit:
                break
    finally:
        revoke()
    cause = Cause.NO_INTRODUCTION if isinstance(error, _INTRODUCTION) else Cause.OTHER
    if isinstance(error, DescriptorNotFound):
        cause = Cause.NO_DESCRIPTOR
    elif isinstance(error, TooManyOpenFiles):
        cause = Cause.TOO_MANY_FILES
    raise ProbeFailed(cause, error)


async def _knockOnce(reactor: Any, tor: Tor, served: ServedPort) -> DialError | None:
    socks = SocksClient(f"{served.label}.onion", served.unservedPort(), Isolation().token)
    handshake = Handshake(socks, absent=TorDied, build=_refuse, present=_refuse)
    refused = handshake.start(reactor, tor.socks)
    refused.addTimeout(_SECONDS_TO_KNOCK, reactor)
    try:
        await refused
    except ConnectionRefused:
        return None
    except DialError as error:
        return error
    except TimeoutError:
        return IntroductionTimeout()
    return DialError("A port is open that nobody serves.")


def _refuse(*_: object) -> NoReturn:
    raise DialError("A port is open that nobody serves.")


def _nothing() -> None:
    """
    There is no key to take back.
    """
