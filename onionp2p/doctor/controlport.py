# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A tor that runs already: whether it is there, lets us in, and is of use to us.

None is needed.  So what is wrong with one that nobody named is a warning, and of a port where
nobody listens nothing is said at all.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from twisted.internet.defer import TimeoutError

from onionp2p.doctor.asking import SECONDS
from onionp2p.doctor.finding import Finding, problem, warning, well
from onionp2p.doctor.forbidden import whyNoCookie, whyNoSocket
from onionp2p.doctor.platforms import RESTART_TOR, START_TOR, TOR_LOG, whoListens
from onionp2p.doctor.socksport import checkSocksPort
from onionp2p.errors import (
    ControlAuthenticationFailed,
    ControlCookieUnreadable,
    ControlImpostor,
    ControlLost,
    ControlPasswordMissing,
    ControlPasswordWrong,
    ControlPortError,
    ControlPortForbidden,
    ControlPortNotFound,
    ControlTimeout,
    NotAControlPort,
    TorError,
    TorTooOld,
)
from onionp2p.local.places import Place, PortOrPath
from onionp2p.tor.authentication import PASSWORD_VARIABLE, Proof, ProtocolInfo
from onionp2p.tor.bootstrap import parseStatus
from onionp2p.tor.control import TorControl
from onionp2p.tor.running import connectControl, readListeners
from onionp2p.waiting.cancelling import cancellable

__all__ = ["checkNamedPort", "checkRunningTors"]

_USUAL_PORTS = (
    Place(path="/run/tor/control"),
    Place(path="/var/run/tor/control"),
    Place(port=9051),
    Place(port=9151),
)
_USUAL_SOCKS = (9050, 9150)
_APPARMOR = "/etc/apparmor.d/system_tor"


async def checkRunningTors(reactor: Any) -> list[Finding]:
    """
    Look where tors usually are.
    """
    findings: list[Finding] = []
    seen = set()
    for where in _USUAL_PORTS:
        name = os.path.realpath(where.path) if where.path else where.name
        if name not in seen:
            seen.add(name)
            findings += await _checkPort(reactor, where, isNamed=False)
    for port in _USUAL_SOCKS:
        findings += await checkSocksPort(reactor, port)
    if not findings:
        return [well("running tor", "none at the usual places; none is needed, we start our own")]
    if os.path.exists(_APPARMOR):
        found = f"AppArmor ({_APPARMOR}) keeps the system's tor out of home folders and /tmp"
        findings.append(well("running tor", f"{found}: mind that with target=unix"))
    return findings


async def checkNamedPort(reactor: Any, control: PortOrPath) -> list[Finding]:
    """
    Whether the tor can be used at whose control port the user wants one.
    """
    return await _checkPort(reactor, Place.of(control), isNamed=True)


async def _checkPort(reactor: Any, where: Place, *, isNamed: bool) -> list[Finding]:
    bad = problem if isNamed else warning
    at = f"at {where.name}:"
    visit = _Visit(reactor, where, tellsPassword=isNamed)
    try:
        return await cancellable(visit.make()).addTimeout(SECONDS, reactor)
    except (ControlTimeout, TimeoutError):
        said = f"{at} who listens there does not answer within {SECONDS:g} s"
        return [
            bad("running tor", said, f"see who it is, and whether it hangs: {whoListens(where)}")
        ]
    except TorError as error:
        # Of the second kind, a port is where the machine's own network is down: in a container.
        isNobody = isinstance(error, ControlPortNotFound) or type(error) is ControlPortError
        if isNobody and not isNamed:
            return _stale(where)
        said, remedy = _whyNot(error, where, visit)
        return [bad("running tor", f"{at} {said}", remedy)]


def _stale(where: Place) -> list[Finding]:
    if not where.path or not os.path.exists(where.path):
        return []
    found = f"at {where.path}: a socket is there, and nobody listens: its tor has gone"
    return [warning("running tor", found, f"{START_TOR}, if you want it")]


class _Visit:
    """
    One connection to a control port.

    @ivar info: what that tor has said of itself, if anything.
    @ivar tellsPassword: whether it may be told the password in the environment: on a port that
        nobody named, it may be anybody.
    """

    def __init__(self, reactor: Any, where: Place, *, tellsPassword: bool) -> None:
        self._reactor = reactor
        self._where = where
        self._at = f"at {where.name}:"
        self._control = TorControl(reactor, events=())
        self._way = ""
        self.tellsPassword = tellsPassword
        self.info: ProtocolInfo | None = None

    async def make(self) -> list[Finding]:
        """
        Be let in, look round, and go.

        @raise TorError: if it is of no use to us.
        """
        showsCookie = bool(self._where.path)
        proof = Proof(showsCookie=showsCookie)
        if self.tellsPassword:
            proof = Proof.fromEnvironment(showsCookie=showsCookie)
        await connectControl(self._reactor, self._where, self._control)
        try:
            await proof.show(self._command)
            return [self._entrance(), await self._network(), await self._dials()]
        finally:
            await self._control.close()

    async def _command(self, text: str) -> str:
        """
        Say something to tor, and remember how it lets us in.
        """
        name = text.partition(" ")[0]
        if name == "AUTHCHALLENGE":
            self._way = "its cookie (SAFECOOKIE)"
        elif text != name and name == "AUTHENTICATE" and not self._way:
            self._way = "its password, or its cookie shown"
        answering = self._control.command(text)
        del text  # it may hold a secret
        answer = await answering
        if name == "PROTOCOLINFO":
            with suppress(NotAControlPort):  # which who asks finds out, too
                self.info = ProtocolInfo.fromReply(answer)
        return answer

    def _entrance(self) -> Finding:
        assert self.info is not None
        found = f"{self._at} tor {self.info.version} lets us in by {self._way or 'nothing'}"
        if self._way or self._where.path:
            return well("running tor", found)
        return warning(
            "running tor",
            f"{found}: it does so for every user of this machine",
            f"CookieAuthentication 1 in its torrc; {RESTART_TOR}",
        )

    async def _network(self) -> Finding:
        status = parseStatus(await self._control.getInfo("status/bootstrap-phase"))
        if status is None or status.percent == 100:
            return well("running tor", f"{self._at} it has reached its network")
        reason = f": {status.warning}" if status.warning else ""
        return warning(
            "running tor",
            f"{self._at} it is at {status.percent}% of the way to its network"
            f" ({status.summary}){reason}",
            f"see its log: {TOR_LOG}",
        )

    async def _dials(self) -> Finding:
        socks = readListeners(await self._control.getInfo("net/listeners/socks"))
        if socks is not None:
            return well("running tor", f"{self._at} it takes dials at {socks.name}")
        return warning(
            "running tor",
            f"{self._at} it takes no dials where we could dial, but it can serve onions",
            "SocksPort 9050 ExtendedErrors in its torrc, and no DisableNetwork 1",
        )


def _whyNot(error: TorError, where: Place, visit: _Visit) -> tuple[str, str]:
    """
    Say why a tor is of no use to us.

    @return: what was found, and what to do.
    """
    if isinstance(error, ControlPortForbidden) and where.path:
        return whyNoSocket(where.path)
    if isinstance(error, ControlCookieUnreadable) and visit.info is not None:
        if "SAFECOOKIE" in visit.info.methods or where.path:
            return whyNoCookie(visit.info.cookieFile)
        return (
            "it offers no SAFECOOKIE, which every tor does",
            f"see who it is: {whoListens(where)}",
        )
    if isinstance(error, ControlPasswordMissing):
        return _noPassword(where, isTold=visit.tellsPassword)
    kind = type(error)
    if kind is ControlLost and visit.info is None:
        kind = NotAControlPort
    found, remedy = _REASONS.get(kind, (str(error), "see who listens there: {who}"))
    return found, remedy.format(who=whoListens(where))


_REASONS: dict[type[TorError], tuple[str, str]] = {
    NotAControlPort: (
        "who listens there is no tor's control port",
        "name that: 9051, or 9151 of Tor Browser; 9050 is for SOCKS; see who it is: {who}",
    ),
    ControlPortNotFound: (
        "nobody listens there",
        f"{START_TOR}; its torrc needs ControlPort 9051 and CookieAuthentication 1",
    ),
    ControlLost: ("it closed the connection", f"see its log: {TOR_LOG}"),
    ControlPasswordWrong: (
        f"it refuses the password in {PASSWORD_VARIABLE}",
        "put the one there whose hash is its HashedControlPassword (tor --hash-password makes one)",
    ),
    ControlImpostor: (
        "who listens there names a cookie that it does not know; it was told nothing",
        "see who it is: {who}",
    ),
    TorTooOld: ("it is a tor too old for us", "install tor 0.4.8 or newer, and start it anew"),
    ControlAuthenticationFailed: (
        "it does not let us in",
        f"CookieAuthentication 1 in its torrc; {RESTART_TOR}",
    ),
}


def _noPassword(where: Place, *, isTold: bool) -> tuple[str, str]:
    found = f"it wants a password, and {PASSWORD_VARIABLE} is not set"
    if not isTold and os.environ.get(PASSWORD_VARIABLE):
        found = "it wants a password, which is told to nobody who was not named"
        return found, f"onionp2p doctor --control {where.path or where.port}"
    return found, f"read -rs {PASSWORD_VARIABLE}; export {PASSWORD_VARIABLE}"
