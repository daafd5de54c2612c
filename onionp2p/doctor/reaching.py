# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Whether Tor can be reached, by going the whole way: tor bootstraps, an onion is made and published,
and dialled by ourselves.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import implementer

from onionp2p.doctor.environment import checkTorrc
from onionp2p.doctor.finding import Finding, Level, problem, well
from onionp2p.doctor.platforms import SET_CLOCK
from onionp2p.endpoints import OnionServerEndpoint
from onionp2p.errors import BootstrapStalled, ListenTimeout, OnionError, TorError, TorrcRefused
from onionp2p.events import Event, EventObserver, Progress, Published, Reachable, Unreachable
from onionp2p.options import ListenOptions, TorOptions, Wait
from onionp2p.tor.launch import launchTor
from onionp2p.tor.pool import shutdown

__all__ = ["checkReach"]

_PORT = 7777
_COMPLAINT = re.compile(r"\[(?:warn|err)\] (.*)")
_MOST_COMPLAINTS = 2
# Said at every start with such lines, or by root's tor.
_KNOWN = re.compile(
    "You have used DirAuthority|TestingTorNetwork is set|You are running Tor as root"
)

_STAGES = ("bootstrap", "publication", "dial")
_MISSING = {
    "publication": "there was no time left to publish an onion",
    "dial": "the onion is published, but no dial of ours came through in time",
}
_LATER = "try again in a minute, or --timeout 600: Tor's relays come and go"
_BLOCKED = (
    "see whether this network lets Tor through: try another, or bridges (UseBridges 1 and Bridge"
    " lines in the file that torrc= names)"
)
# The first that fits what tor says; it says the same thing in many ways.
_CAUSES = (
    (r"clock|skew|not yet valid|in the future", f"set the clock: {SET_CLOCK}"),
    (r"no ?route|unreachable|resolve|NOROUTE", "see whether this machine is connected: ip route"),
    (r"pluggable|transport|proxy|bridge", "see the Bridge and transport lines of the torrc"),
    (r"refused|reset|timed? ?out|TLS|handshake", _BLOCKED),
)


async def checkReach(
    reactor: Any, options: TorOptions, timeout: float, observer: EventObserver
) -> list[Finding]:
    """
    Go the whole way, and leave nothing behind.

    @param timeout: how long all of it may take, in seconds.
    @param observer: told how far it is.
    """
    journey = _Journey(reactor, observer)
    listen = ListenOptions(_PORT, wait=Wait.REACHABLE, timeout=timeout, tor=options)
    endpoint = OnionServerEndpoint(reactor, listen, journey.follow)
    try:
        with _complaints(journey.complain):
            port = await endpoint.listen(Factory.forProtocol(Protocol))
        await maybeDeferred(port.stopListening)
    except OnionError as error:
        return journey.broken(error, options)
    finally:
        await shutdown(reactor)
    return journey.done()


@contextmanager
def _complaints(told: Callable[[str], None]) -> Iterator[None]:
    """
    Tell what our tor warns of, meanwhile.
    """

    @implementer(ILogObserver)
    def pick(event: LogEvent) -> None:
        if event.get("log_namespace") == launchTor.__module__:
            match = _COMPLAINT.search(str(event.get("line", "")))
            if match is not None:
                told(match[1])

    globalLogPublisher.addObserver(pick)
    try:
        yield
    finally:
        globalLogPublisher.removeObserver(pick)


class _Journey:
    """
    How far we came.
    """

    def __init__(self, reactor: Any, observer: EventObserver) -> None:
        self._reactor = reactor
        self._observer = observer
        self._began = self._last = reactor.seconds()
        self._progress = Progress(0, "starting", "Starting")
        self._over: list[Finding] = []
        self._unreachable = ""
        self._complaints: deque[str] = deque(maxlen=_MOST_COMPLAINTS)

    def complain(self, text: str) -> None:
        """
        Our tor warns of something.
        """
        if text not in self._complaints and not _KNOWN.match(text):
            self._complaints.append(text)

    def follow(self, event: Event) -> None:
        """
        Something has happened.
        """
        if isinstance(event, Progress):
            wasThere, self._progress = self._progress.percent == 100, event
            if event.percent == 100 and not wasThere:
                self._pass("bootstrap", "tor has reached its network")
        elif isinstance(event, Published):
            self._pass("publication", "a throw-away onion is published")
        elif isinstance(event, Reachable):
            self._pass("dial", "we have reached it ourselves, over Tor")
        elif isinstance(event, Unreachable):
            detail = f" ({event.detail})" if event.detail else ""
            self._unreachable = f"{event.cause.value}{detail}"
        self._observer(event)

    def _pass(self, stage: str, what: str) -> None:
        if stage in {each.check for each in self._over}:
            return
        now = self._reactor.seconds()
        self._over.append(well(stage, f"{what}, after {now - self._last:.1f} s"))
        self._last = now

    def done(self) -> list[Finding]:
        """
        Give what was found by who came through.
        """
        return self._over

    def broken(self, error: OnionError, options: TorOptions) -> list[Finding]:
        """
        Give what was found by who did not.
        """
        stage = _STAGES[min(len(self._over), len(_STAGES) - 1)]
        if isinstance(error, TorrcRefused):
            finding = problem(stage, str(error), "mend those lines, or do without: see torrc above")
        elif isinstance(error, TorError) and not isinstance(error, BootstrapStalled):
            # There is no tor, or it can't be used: nothing of its network has been seen.
            finding = problem(stage, str(error), "do as that says; what is told above may say more")
        elif stage == "bootstrap":
            finding = problem(stage, self._whyNoBootstrap(error), self._wayToNetwork(options))
        else:
            # What is still not there has a name; of what went wrong, the error tells.
            found = _MISSING[stage] if isinstance(error, ListenTimeout) else str(error)
            detail = f": {self._unreachable}" if self._unreachable else ""
            finding = problem(stage, f"{found}{detail}", _LATER)
        return [*self._over, finding]

    def _whyNoBootstrap(self, error: OnionError) -> str:
        found = str(error)
        if isinstance(error, ListenTimeout):
            progress = self._progress
            found = f"tor is at {progress.percent}% of the way to its network ({progress.summary})"
        said = " ".join(self._said())
        return f"{found}; it says: {said}" if said else found

    def _said(self) -> list[str]:
        """
        Give what tor has complained of.
        """
        return [*filter(None, [self._progress.warning]), *self._complaints]

    def _wayToNetwork(self, options: TorOptions) -> str:
        if options.control is None:
            for finding in checkTorrc(options.torrc):
                if finding.level is not Level.OK:
                    return f"{finding.remedy}: {finding.found}"
        for pattern, remedy in _CAUSES:
            if any(re.search(pattern, said, re.IGNORECASE) for said in self._said()):
                return remedy
        return _BLOCKED
