# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A tor that runs already, in memory.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import fail
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory, Protocol

from onionp2p.doctor.controlport import checkNamedPort, checkRunningTors
from onionp2p.doctor.finding import Finding, Level
from onionp2p.doctor.socksport import checkSocksPort
from onionp2p.local.places import Place
from onionp2p.testing import FakeNetwork, FakeTor, MemoryReactor
from onionp2p.testing.faketor import Delay, Drop, Hang, Impersonate, Refuse, Reply, Stall
from onionp2p.testing.faketor.authentication import hashPassword
from onionp2p.tor.authentication import PASSWORD_VARIABLE

PORT = 9051
COOKIE = {"ControlPort": str(PORT), "CookieAuthentication": "1"}
HASHED = {"ControlPort": str(PORT), "HashedControlPassword": hashPassword(b"hush")}


@pytest.fixture
def folder() -> Iterator[Path]:
    """
    A real folder, for cookies.
    """
    with tempfile.TemporaryDirectory(prefix="doctor-") as path:
        yield Path(path)


@pytest.fixture
def tor(fake_network: FakeNetwork, folder: Path) -> FakeTor:
    """
    A tor with a cookie.
    """
    return fake_network.startTor(str(folder), COOKIE)


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The tests' environment has no password, and their machine no AppArmor.
    """
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    monkeypatch.setattr("onionp2p.doctor.controlport._APPARMOR", "/no/such/profile")


def found(
    reactor: MemoryReactor, checking: Awaitable[list[Finding]], seconds: float = 8
) -> list[Finding]:
    """
    Give what was found, which must be soon.
    """
    return reactor.resultOf(checking, seconds=seconds)


def named(reactor: MemoryReactor, where: int | str = PORT) -> list[Finding]:
    """
    Look at a port that the user has named.
    """
    return found(reactor, checkNamedPort(reactor, where))


def theProblem(reactor: MemoryReactor, where: int | str = PORT) -> Finding:
    """
    Give what is wrong with it.
    """
    (only,) = named(reactor, where)
    assert only.level is Level.PROBLEM
    assert only.found.startswith(f"at {'127.0.0.1:' if where == PORT else ''}{where}: ")
    assert only.remedy
    return only


def test_nobody(memory_reactor: MemoryReactor) -> None:
    """
    Where no tor runs, and none was named, all is well.
    """
    (only,) = found(memory_reactor, checkRunningTors(memory_reactor))
    assert only.level is Level.OK
    assert "none at the usual places; none is needed" in only.found
    assert "systemctl start tor" in theProblem(memory_reactor).remedy
    assert "nobody listens there" in theProblem(memory_reactor, "/run/tor/gone").found


def test_networkDown(memory_reactor: MemoryReactor, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where not even this machine's own network is up, as in a container, only who names a port hears.
    """
    monkeypatch.setattr(
        Place,
        "connect",
        lambda *arguments: fail(ConnectError(osError=101, string="Network is unreachable")),
    )
    (only,) = found(memory_reactor, checkRunningTors(memory_reactor))
    assert only.level is Level.OK
    assert "Network is unreachable" in theProblem(memory_reactor).found


def test_well(memory_reactor: MemoryReactor, fake_network: FakeNetwork, folder: Path) -> None:
    """
    A tor that lets us in tells its version, its way, and where it takes dials.
    """
    fake_network.startTor(str(folder), {**COOKIE, "SocksPort": "9050"})
    memory_reactor.advance(60)
    findings = found(memory_reactor, checkRunningTors(memory_reactor))
    assert [each.level for each in findings[:4]] == [Level.OK] * 4
    entrance, network, dials, socks = [each.found for each in findings[:4]]
    assert entrance == "at 127.0.0.1:9051: tor 0.4.9.11 lets us in by its cookie (SAFECOOKIE)"
    assert network.endswith("it has reached its network")
    assert dials.endswith("it takes dials at 127.0.0.1:9050")
    assert socks == "at 127.0.0.1:9050: it takes dials (socks=9050)"


def test_apparmor(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Where AppArmor keeps the system's tor out of folders, it is said; without such a tor, it is not.
    """
    monkeypatch.setattr("onionp2p.doctor.controlport._APPARMOR", str(folder))
    assert len(found(memory_reactor, checkRunningTors(memory_reactor))) == 1
    fake_network.startTor(str(folder), COOKIE)
    assert "AppArmor" in found(memory_reactor, checkRunningTors(memory_reactor))[-1].found


def test_onItsWay(memory_reactor: MemoryReactor, fake_network: FakeNetwork, folder: Path) -> None:
    """
    One that does not come to its network says why; one without a port for dials is told of.
    """
    fake_network.on("BOOTSTRAP 50", Stall("Network is unreachable"))
    fake_network.startTor(str(folder), COOKIE)
    memory_reactor.advance(60)
    _, network, dials = named(memory_reactor)
    assert network.level is dials.level is Level.WARNING
    assert "% of the way to its network (" in network.found
    assert network.found.endswith(": Network is unreachable")
    assert dials.remedy.startswith("SocksPort 9050")


def test_open(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A TCP port that lets in everybody is a warning; a socket, whose folder lets in some, is none.
    """
    fake_network.startTor("/nowhere", {"ControlPort": [str(PORT), "unix:/run/tor/control"]})
    entrance = named(memory_reactor)[0]
    assert entrance.level is Level.WARNING
    assert "lets us in by nothing" in entrance.found
    assert named(memory_reactor, "/run/tor/control")[0].level is Level.OK


def test_password(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A password that is missing or wrong is a problem; the right one lets us in, and is never shown.
    """
    fake_network.startTor("/nowhere", HASHED)
    assert f"export {PASSWORD_VARIABLE}" in theProblem(memory_reactor).remedy
    monkeypatch.setenv(PASSWORD_VARIABLE, "hiss")
    wrong = theProblem(memory_reactor)
    assert "it refuses the password" in wrong.found
    monkeypatch.setenv(PASSWORD_VARIABLE, "hush")
    findings = named(memory_reactor)
    assert "lets us in by its password" in findings[0].found
    assert not any(secret in repr([wrong, *findings]) for secret in ("hush", "hiss"))


def test_passwordOnlyToWhoWasNamed(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Who happens to listen at a usual port is not told the password.
    """
    tor = fake_network.startTor("/nowhere", HASHED)
    tor.on("AUTHENTICATE", Reply(b"250 OK\r\n"))
    monkeypatch.setenv(PASSWORD_VARIABLE, "hush")
    (only,) = found(memory_reactor, checkRunningTors(memory_reactor))
    assert only.level is Level.WARNING
    assert "told to nobody who was not named" in only.found
    assert only.remedy == "onionp2p doctor --control 9051"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_unreadableCookie(
    memory_reactor: MemoryReactor,
    tor: FakeTor,
    asNobody: Callable[..., AbstractContextManager[None]],
    mode: int,
) -> None:
    """
    A cookie of others is a problem, with the very command that helps; in its group, it is none.
    """
    cookie, group = Path(tor.configuration.cookiePath), 54321
    cookie.parent.chmod(0o755)
    os.chown(cookie, 0, group)
    cookie.chmod(mode)
    with asNobody():
        only = theProblem(memory_reactor)
    assert f"its cookie {cookie} can't be read by nobody" in only.found
    if mode == 0o600:
        assert "it is for its owner root alone" in only.found
        assert "CookieAuthFileGroupReadable 1" in only.remedy
    else:
        assert f"for the group {group}, of which nobody is no member" in only.found
        assert f"sudo usermod -aG {group} nobody" in only.remedy
    assert cookie.read_bytes().hex() not in repr(only)
    cookie.chmod(0o640)
    with asNobody(group):
        assert "SAFECOOKIE" in named(memory_reactor)[0].found


@pytest.mark.parametrize(
    ("moment", "action", "says"),
    [
        ("PROTOCOLINFO", Hang(), "does not answer within 5 s"),
        ("PROTOCOLINFO", Delay(60), "does not answer within 5 s"),
        ("AUTHCHALLENGE", Hang(), "does not answer within 5 s"),
        ("GETINFO", Hang(), "does not answer within 5 s"),
        ("PROTOCOLINFO", Drop(), "no tor's control port"),
        ("PROTOCOLINFO", Refuse(510), "no tor's control port"),
        ("PROTOCOLINFO", Reply(b"250 OK\r\n"), "no tor's control port"),
        ("PROTOCOLINFO", Reply(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "no tor's control port"),
        ("PROTOCOLINFO", Reply(b"\xff" * 100_000), "does not answer within 5 s"),
        ("PROTOCOLINFO", Reply(b"\xff" * (2 << 20)), "no tor's control port"),
        ("PROTOCOLINFO", Reply(b"250-%b\r\n" % bytes(1000) * 1000), "no tor's control port"),
        ("AUTHCHALLENGE", Reply(b"250 AUTHCHALLENGE\r\n"), "no tor's control port"),
        ("AUTHCHALLENGE", Impersonate(), "names a cookie that it does not know"),
        ("AUTHENTICATE", Refuse(515), "it does not let us in"),
        ("AUTHENTICATE", Drop(), "it closed the connection"),
        ("GETINFO", Refuse(551), "551"),
        (
            "PROTOCOLINFO",
            Reply(
                b'250-PROTOCOLINFO 1\r\n250-AUTH METHODS=NULL\r\n250-VERSION Tor="0.4.5.16"\r\n'
                b"250 OK\r\n"
            ),
            "it is a tor too old for us",
        ),
        (
            "PROTOCOLINFO",
            Reply(
                b'250-PROTOCOLINFO 1\r\n250-AUTH METHODS=COOKIE COOKIEFILE="/etc/passwd"\r\n'
                b'250-VERSION Tor="0.4.9.11"\r\n250 OK\r\n'
            ),
            "it offers no SAFECOOKIE",
        ),
    ],
)
def test_badAnswers(
    memory_reactor: MemoryReactor, tor: FakeTor, moment: str, action: Any, says: str
) -> None:
    """
    Whatever a port answers, or does not, it is told within seconds.
    """
    tor.on(moment, action)
    assert says in theProblem(memory_reactor).found


class Babbler(Protocol):
    """
    Never ends to speak.
    """

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        """
        Say more.
        """
        assert self.transport is not None
        self.transport.write(b"250-PROTOCOLINFO 1\r\n" * 100)

    def stopProducing(self) -> None:
        """
        Say no more.
        """


@pytest.mark.deadline(10)
async def test_babble(folder: Path) -> None:
    """
    Who never ends to speak, and never answers, is left.
    """
    from twisted.internet import reactor as running

    reactor: Any = running
    path = f"{folder}/control"
    port = reactor.listenUNIX(path, Factory.forProtocol(Babbler))
    (only,) = await checkNamedPort(reactor, path)
    assert only.level is Level.PROBLEM
    await port.stopListening()


def test_staleSocket(
    memory_reactor: MemoryReactor, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A socket that a tor has left behind is a warning.
    """
    (folder / "control").touch()
    monkeypatch.setattr(
        "onionp2p.doctor.controlport._USUAL_PORTS", (Place(path=f"{folder}/control"),)
    )
    (only,) = found(memory_reactor, checkRunningTors(memory_reactor))
    assert only.level is Level.WARNING
    assert "its tor has gone" in only.found


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 400\r\n", b"\x04"])
def test_noSocks(memory_reactor: MemoryReactor, says: bytes) -> None:
    """
    What is no SOCKS port is not taken for one, though it be silent.
    """

    class Other(Protocol):
        def dataReceived(self, data: bytes) -> None:
            assert self.transport is not None
            self.transport.write(says)

    port = memory_reactor.listenTCP(9050, Factory.forProtocol(Other), interface="127.0.0.1")
    assert found(memory_reactor, checkSocksPort(memory_reactor, 9050)) == []
    port.stopListening()
