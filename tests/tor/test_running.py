# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A tor that runs already, in memory: how it is reached, and how it lets us in.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, capturedLogs, eventAsText
from twisted.python.failure import Failure

from onionp2p.clients.x25519 import ClientKey
from onionp2p.errors import (
    ClientKeyConflict,
    ControlAuthenticationFailed,
    ControlCookieUnreadable,
    ControlImpostor,
    ControlPasswordMissing,
    ControlPasswordWrong,
    ControlPortError,
    ControlPortForbidden,
    ControlPortNotFound,
    ControlTimeout,
    NoSocksPort,
    NotAControlPort,
    TorError,
    TorTooOld,
)
from onionp2p.keys import Identity
from onionp2p.local.places import LONGEST_PATH, Place, PortOrPath
from onionp2p.options import TorOptions
from onionp2p.testing import FakeNetwork, FakeTor, MemoryReactor
from onionp2p.testing.faketor import Delay, Drop, Hang, Refuse, Reply
from onionp2p.testing.faketor.authentication import hashPassword
from onionp2p.tor.authentication import PASSWORD_VARIABLE
from onionp2p.tor.pool import TorLease, leaseTor, shutdown
from onionp2p.tor.running import connectTor, readListeners
from onionp2p.tor.tor import Tor

PASSWORD = "correct horse battery staple"
PORT = 9051
TOO_LONG_AT_HOME = "~/" + "x" * (LONGEST_PATH - 2)
COOKIE = {"ControlPort": str(PORT), "CookieAuthentication": "1"}
HASHED = {"ControlPort": str(PORT), "HashedControlPassword": hashPassword(PASSWORD.encode())}
NO_SECRET = {"ControlPort": str(PORT)}
_NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[str]:
    """
    A real folder, for cookies.
    """
    with tempfile.TemporaryDirectory(prefix="running-") as path:
        os.chmod(path, 0o755)  # noqa: S103 - other users come in some tests
        yield path


@pytest.fixture(autouse=True)
def noPassword(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The tests' environment has no password.
    """
    monkeypatch.setenv(PASSWORD_VARIABLE, "")


def lease(reactor: MemoryReactor, where: PortOrPath = PORT) -> TorLease:
    """
    Lease a running tor.
    """
    return leaseTor(reactor, TorOptions(control=where))


def enter(reactor: MemoryReactor, where: PortOrPath = PORT) -> Tor:
    """
    Lease one, and wait until it has let us in.
    """
    return reactor.resultOf(lease(reactor, where).launched(), seconds=40)


@contextmanager
def asNobody() -> Iterator[None]:
    """
    Be a user who has nothing, where we are the one who may do everything.
    """
    if os.geteuid() != 0:
        yield
        return
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(_NOBODY)
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def sent(tor: FakeTor) -> list[str]:
    """
    Have a tor's controllers' words remembered from now on.
    """
    words: list[str] = []
    at = tor.at

    def remember(moment: str) -> object:
        if not moment.startswith("BOOTSTRAP"):
            words.append(moment)
        return at(moment)

    tor.at = remember  # type: ignore[method-assign, assignment]
    return words


@pytest.mark.parametrize("where", [PORT, "/run/tor/control"])
@pytest.mark.parametrize("pieceSize", [None, 1])
def test_letIn(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    folder: str,
    where: PortOrPath,
    pieceSize: int | None,
) -> None:
    """
    A tor with a control port, TCP or UNIX, and a cookie that we can read lets us in.  The cookie
    itself is never said.
    """
    place = f"unix:{where}" if isinstance(where, str) else str(where)
    running = fake_network.startTor(folder, {**COOKIE, "ControlPort": place})
    running.pieceSize = pieceSize
    words = sent(running)
    tor = enter(memory_reactor, where)
    assert memory_reactor.resultOf(tor.control.getInfo("version")) == running.version
    cookie = Path(folder, "control_auth_cookie").read_bytes().hex()
    assert any(word.startswith("AUTHCHALLENGE SAFECOOKIE") for word in words)
    assert cookie not in "".join(words).lower()


def test_nullAuthentication(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A tor that wants no proof gets none, even where there is a password.
    """
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    words = sent(fake_network.startTor("/nowhere", NO_SECRET))
    enter(memory_reactor)
    assert "AUTHENTICATE " in words


@pytest.mark.parametrize("password", [PASSWORD, 'a "quoted\\" one', "pass wört", "\n"])
def test_password(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    monkeypatch: pytest.MonkeyPatch,
    password: str,
) -> None:
    """
    A tor that wants a password gets the one in the environment, whatever its characters.
    """
    hashed = hashPassword(password.encode())
    fake_network.startTor("/nowhere", {**HASHED, "HashedControlPassword": hashed})
    monkeypatch.setenv(PASSWORD_VARIABLE, password)
    enter(memory_reactor)


def test_noPassword(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Without one, the error names the environment variable.
    """
    fake_network.startTor("/nowhere", HASHED)
    with pytest.raises(ControlPasswordMissing, match=PASSWORD_VARIABLE):
        enter(memory_reactor)


def test_wrongPassword(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A wrong password is not shown by the error, nor by its traceback, nor by the log.
    """
    fake_network.startTor("/nowhere", HASHED)
    monkeypatch.setenv(PASSWORD_VARIABLE, "wrong-" + PASSWORD)
    with capturedLogs() as events, pytest.raises(ControlPasswordWrong) as caught:
        enter(memory_reactor)
    shown = shownBy(caught.value) + "".join(repr(event) + eventAsText(event) for event in events)
    for secret in ("wrong-" + PASSWORD, ("wrong-" + PASSWORD).encode().hex()):
        assert secret not in shown


def shownBy(error: BaseException | None) -> str:
    """
    Give all that an error shows to who looks closely at what it was raised in: our own code.
    """
    shown = ""
    while error is not None:
        trace = error.__traceback__
        while trace is not None:
            if "/onionp2p/" in trace.tb_frame.f_code.co_filename:
                shown += repr(trace.tb_frame.f_locals)
            trace = trace.tb_next
        shown += repr(error) + str(error) + Failure(error).getTraceback()
        error = error.__cause__ or error.__context__
    return shown


def test_cookieBeforePassword(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    folder: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Where a cookie will do, the password is told to nobody.
    """
    words = sent(fake_network.startTor(folder, {**HASHED, **COOKIE}))
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    enter(memory_reactor)
    assert PASSWORD.encode().hex() not in "".join(words)


def test_passwordWhereNoCookie(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    folder: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Where the cookie can't be read, the password will do; without one, the error says so.
    """
    fake_network.startTor(folder, {**HASHED, **COOKIE})
    os.unlink(os.path.join(folder, "control_auth_cookie"))
    with pytest.raises(ControlCookieUnreadable, match=PASSWORD_VARIABLE):
        enter(memory_reactor)
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    enter(memory_reactor)


@pytest.mark.parametrize("content", [b"", b"\xfe" * 31, b"\xfe" * 33, b"\xfe" * 100_000])
def test_cookieOfAnotherLength(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, folder: str, content: bytes
) -> None:
    """
    A file that is not 32 bytes long is no cookie.
    """
    fake_network.startTor(folder, COOKIE)
    Path(folder, "control_auth_cookie").write_bytes(content)
    with pytest.raises(ControlCookieUnreadable, match="has not 32 bytes") as caught:
        enter(memory_reactor)
    assert repr(b"\xfe" * 4)[2:-1] not in shownBy(caught.value)


@pytest.mark.parametrize("kind", ["missing", "folder", "link", "fifo"])
def test_cookieThatIsNoFile(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, folder: str, kind: str
) -> None:
    """
    Nor is what is no plain file: tor may name anything, and nothing is waited for.
    """
    fake_network.startTor(folder, COOKIE)
    path = Path(folder, "control_auth_cookie")
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to("/dev/zero")
    elif kind == "fifo":
        os.mkfifo(path)
    with pytest.raises(ControlCookieUnreadable, match=str(path)):
        enter(memory_reactor)


def test_cookieOfAnotherUser(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, folder: str
) -> None:
    """
    Of a cookie that others may read, the error says who, and how to become one of them.
    """
    fake_network.startTor(folder, COOKIE)
    path = os.path.join(folder, "control_auth_cookie")
    os.chmod(path, 0o040)
    with (
        pytest.raises(ControlCookieUnreadable, match=r"is for the group .*usermod -aG") as caught,
        asNobody(),
    ):
        enter(memory_reactor)
    assert path in str(caught.value)
    os.chmod(path, 0)
    with pytest.raises(ControlCookieUnreadable, match="CookieAuthFileGroupReadable 1"), asNobody():
        enter(memory_reactor)
    os.chmod(folder, 0)
    with (
        pytest.raises(ControlCookieUnreadable, match=f"Its folder {folder} lets in its owner"),
        asNobody(),
    ):
        enter(memory_reactor)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (f"SERVERHASH={'00' * 32} SERVERNONCE={'00' * 32}", ControlImpostor),
        (f"SERVERHASH={'0' * 63} SERVERNONCE={'00' * 32}", NotAControlPort),
        (f"SERVERHASH={'zz' * 32} SERVERNONCE={'00' * 32}", NotAControlPort),
        ("", NotAControlPort),
    ],
)
def test_impostor(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    folder: str,
    words: str,
    error: type[TorError],
) -> None:
    """
    Who does not know the cookie of which it names the file gets neither the cookie nor the
    password nor anything made from them.
    """
    running = fake_network.startTor(folder, {**HASHED, **COOKIE})
    running.on("AUTHCHALLENGE", Reply(f"250 AUTHCHALLENGE {words}\r\n".encode()))
    os.environ[PASSWORD_VARIABLE] = PASSWORD
    said = sent(running)
    with pytest.raises(error) as caught:
        enter(memory_reactor)
    assert not [word for word in said if word.startswith("AUTHENTICATE")]
    cookie = Path(folder, "control_auth_cookie").read_bytes()
    shown = shownBy(caught.value)
    assert cookie.hex() not in shown
    assert repr(cookie) not in shown


@pytest.mark.parametrize("where", [PORT, "/run/tor/control"])
def test_plainCookie(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, folder: str, where: PortOrPath
) -> None:
    """
    Where the cookie could only be shown, it is on a UNIX socket, and not on a TCP port, which any
    user of this machine may have taken.
    """
    place = f"unix:{where}" if isinstance(where, str) else str(where)
    running = fake_network.startTor(folder, {**COOKIE, "ControlPort": place})
    path = os.path.join(folder, "control_auth_cookie")
    answer = (
        f'250-PROTOCOLINFO 1\r\n250-AUTH METHODS=COOKIE COOKIEFILE="{path}"\r\n'
        '250-VERSION Tor="0.4.8.10"\r\n250 OK\r\n'
    )
    running.on("PROTOCOLINFO", Reply(answer.encode()))
    said = sent(running)
    if isinstance(where, str):
        enter(memory_reactor, where)
        return
    with pytest.raises(ControlCookieUnreadable, match="SAFECOOKIE"):
        enter(memory_reactor)
    assert not [word for word in said if word.startswith("AUTHENTICATE")]


@pytest.mark.parametrize("methods", ["NEWEST", "", "null"])
def test_unknownWayIn(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, methods: str
) -> None:
    """
    A tor whose ways in are none that we know is told so.
    """
    running = fake_network.startTor("/nowhere", NO_SECRET)
    answer = f"250-PROTOCOLINFO 1\r\n250-AUTH METHODS={methods}\r\n250 OK\r\n"
    running.on("PROTOCOLINFO", Reply(answer.encode()))
    with pytest.raises(ControlAuthenticationFailed):
        enter(memory_reactor)


def test_refused(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A tor that refuses us without a reason of ours is quoted.
    """
    fake_network.startTor("/nowhere", NO_SECRET).on("AUTHENTICATE", Refuse(515, "Go away"))
    with pytest.raises(ControlAuthenticationFailed, match="Go away"):
        enter(memory_reactor)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 501 Tor is not an HTTP Proxy\r\n",
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        b"220 mail ESMTP\r\n",
        b"500 what?\r\n",
        b"250 OK\r\n",
        b"250-PROTOCOLINFO 1\r\n250 OK\r\n",
        b'250-PROTOCOLINFO 1\r\n250-AUTH METHODS=SAFECOOKIE COOKIEFILE="/tmp/\\0"\r\n250 OK\r\n',
        b"\x00\xff",
        b"250+PROTOCOLINFO\r\n" + b"x" * 2_000_000 + b"\r\n",
        b"250+PROTOCOLINFO\r\n" + b"250 x\r\n" * 50_000,
    ],
    ids=lambda answer: answer[:12].decode("latin-1"),
)
def test_notAControlPort(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, answer: bytes
) -> None:
    """
    What answers in another language is no control port, however much it says.
    """
    running = fake_network.startTor("/nowhere", NO_SECRET)
    running.on("PROTOCOLINFO", Reply(answer, closes=True))
    with pytest.raises(NotAControlPort):
        enter(memory_reactor)
    memory_reactor.resultOf(shutdown(memory_reactor))


def test_closesAtOnce(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Nor is what closes the connection at our first words.
    """
    fake_network.startTor("/nowhere", NO_SECRET).on("PROTOCOLINFO", Drop())
    with pytest.raises(NotAControlPort, match=r"It is at 127\.0\.0\.1:9051"):
        enter(memory_reactor)


def test_silent(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    What never answers costs 30 s.
    """
    fake_network.startTor("/nowhere", NO_SECRET).on("PROTOCOLINFO", Hang())
    with pytest.raises(ControlTimeout, match="9051"):
        enter(memory_reactor)
    assert 30 <= memory_reactor.seconds() <= 33


def test_tooOld(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A tor that is too old is refused before it learns anything.
    """
    running = fake_network.startTor("/nowhere", NO_SECRET)
    running.version = "0.4.7.16"
    said = sent(running)
    with pytest.raises(TorTooOld, match=r"0\.4\.7\.16"):
        enter(memory_reactor)
    assert [word.split()[0] for word in said] == ["PROTOCOLINFO"]


@pytest.mark.parametrize("where", [PORT, "/run/tor/control"])
def test_nobodyListens(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, where: PortOrPath
) -> None:
    """
    Where nobody listens, the error says where that is and what a torrc needs.
    """
    with pytest.raises(ControlPortNotFound, match='"ControlPort 9051"') as caught:
        enter(memory_reactor, where)
    assert str(where) in str(caught.value)


def test_longPath(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A path that no socket can have, once C{~} in it is the home, is a typed error.
    """
    with pytest.raises(ControlPortError):
        enter(memory_reactor, TOO_LONG_AT_HOME)


async def test_realSocketErrors(folder: str) -> None:
    """
    The system's own errors: a missing socket, one that nobody listens on, a file that is none, and
    one in a folder that we may not enter.
    """
    from twisted.internet import reactor

    async def failure(path: str) -> TorError:
        with pytest.raises(TorError) as caught:
            await connectTor(reactor, TorOptions(control=path))
        return caught.value

    path = os.path.join(folder, "control")
    assert isinstance(await failure(path), ControlPortNotFound)
    Path(folder, "file").touch()
    assert isinstance(await failure(os.path.join(folder, "file")), ControlPortNotFound)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    assert isinstance(await failure(path), ControlPortNotFound)
    os.chmod(folder, 0)
    with asNobody():
        assert isinstance(await failure(path), ControlPortForbidden)
    assert isinstance(await failure(TOO_LONG_AT_HOME), ControlPortError)


def test_shared(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Endpoints with one control port share one connection; it is closed, in peace, 60 s after its
    last use.
    """
    running = fake_network.startTor("/nowhere", NO_SECRET)
    words = sent(running)
    leases = [lease(memory_reactor) for _ in range(3)]
    tors = [memory_reactor.resultOf(each.launched()) for each in leases]
    assert tors[0] is tors[1] is tors[2]
    assert len(running.sessions) == 1
    for each in leases:
        each.release()
    memory_reactor.advance(59)
    assert len(running.sessions) == 1
    memory_reactor.advance(2)
    assert running.sessions == []
    assert running.alive
    assert {word.split()[0] for word in words} <= {
        *("PROTOCOLINFO", "AUTHENTICATE", "GETINFO", "USEFEATURE", "SETEVENTS")
    }


def test_bootstrap(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Its bootstrap is followed as that of our own.
    """
    fake_network.on("BOOTSTRAP 100", Delay(5))
    fake_network.startTor("/nowhere", {**NO_SECRET, "SocksPort": "9050"})
    tor = memory_reactor.resultOf(lease(memory_reactor).bootstrapped())
    assert memory_reactor.seconds() == 5
    assert tor.socks == Place(port=9050)


def test_noSocksPort(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A tor that takes no dials can be listened by; a dial says what it needs.
    """
    fake_network.startTor("/nowhere", {**NO_SECRET, "SocksPort": "0"})
    tor = memory_reactor.resultOf(lease(memory_reactor).bootstrapped())
    with pytest.raises(NoSocksPort, match='"SocksPort 9050"'):
        _ = tor.socks


def test_socksPortMoves(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Where its owner moves its SOCKS port to, we follow.
    """
    fake_network.startTor("/nowhere", {**NO_SECRET, "SocksPort": "9050"})
    leased = lease(memory_reactor)
    tor = memory_reactor.resultOf(leased.bootstrapped())
    assert tor.socks == Place(port=9050)
    memory_reactor.resultOf(tor.control.command("SETCONF SocksPort=9060"))
    tor = memory_reactor.resultOf(leased.bootstrapped())
    assert tor.socks == Place(port=9060)


@pytest.mark.parametrize(
    ("text", "socks"),
    [
        ("", None),
        ('"127.0.0.1:9050"', 9050),
        ("127.0.0.1:9050", 9050),
        ('"127.0.0.1:9050" "unix:/run/tor/socks"', "/run/tor/socks"),
        (r'"unix:/a \"b\" \303\251/socks"', '/a "b" é/socks'),
        ('"[::1]:9050" "127.0.0.1:9150"', 9150),
        ('"192.168.1.1:9050"', None),
        ('"0.0.0.0:9050"', 9050),
        ('"127.0.0.1:nonsense" "127.0.0.1:0"', None),
        ('"unix:', None),
    ],
)
def test_readListeners(text: str, socks: PortOrPath | None) -> None:
    """
    Of tor's SOCKS ports a UNIX socket is chosen first, then a port of 127.0.0.1.
    """
    assert readListeners(text) == (None if socks is None else Place.of(socks))


def test_socketsOfOthers(folder: str) -> None:
    """
    A UNIX socket that we may not use is passed over.
    """
    path = os.path.join(folder, "socks")
    Path(path).touch()
    os.chmod(path, 0)
    listeners = f'"unix:{path}" "127.0.0.1:9050"'
    with asNobody():
        assert readListeners(listeners) == Place(port=9050)


def test_lost(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, loggedErrors: list[LogEvent]
) -> None:
    """
    When tor goes, that is told, and we connect anew as soon as we can.
    """
    running = fake_network.startTor("/nowhere", NO_SECRET)
    leased = lease(memory_reactor)
    memory_reactor.resultOf(leased.launched())
    with capturedLogs() as events:
        running.dropControl()
        memory_reactor.advance(0)
    assert any("the running tor closed" in eventAsText(event).lower() for event in events)
    assert not running.sessions
    memory_reactor.resultOf(leased.launched())
    assert len(running.sessions) == 1


def test_cancelled(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Who ends it while it connects leaves nothing behind.
    """
    fake_network.startTor("/nowhere", NO_SECRET).on("AUTHENTICATE", Delay(20))
    waiting = Deferred.fromCoroutine(lease(memory_reactor).launched())
    memory_reactor.resultOf(shutdown(memory_reactor))
    with pytest.raises(TorError, match="shut down"):
        memory_reactor.resultOf(waiting)
    memory_reactor.advance(30)
    assert memory_reactor.getDelayedCalls() == []


def test_clientKeysAreTakenBack(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A key to an onion that tor has from us is gone when we go, though tor would keep it; one that it
    had before stays, and is used if it is the same.
    """
    running = fake_network.startTor("/nowhere", NO_SECRET)
    ours, theirs = ClientKey.generate(), ClientKey.generate()
    label, other = Identity.generate().label, Identity.generate().label
    tor = enter(memory_reactor)
    hers = f"ONION_CLIENT_AUTH_ADD {other} x25519:{theirs.forTor()}"
    memory_reactor.resultOf(tor.control.command(hers))
    memory_reactor.resultOf(tor.authorizations.hold(label, ours))
    memory_reactor.resultOf(tor.authorizations.hold(other, theirs))
    assert running.clientKeys.publicKey(label) == ours.public
    with pytest.raises(ClientKeyConflict):
        memory_reactor.resultOf(tor.authorizations.hold(other, ours))
    memory_reactor.resultOf(shutdown(memory_reactor))
    assert running.clientKeys.publicKey(label) is None
    assert running.clientKeys.publicKey(other) == theirs.public


def test_othersKeyIsNotReplaced(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A key that tor has from somebody else is not replaced by another of ours.
    """
    running = fake_network.startTor("/nowhere", NO_SECRET)
    ours, theirs = ClientKey.generate(), ClientKey.generate()
    label = Identity.generate().label
    tor = enter(memory_reactor)
    hers = f"ONION_CLIENT_AUTH_ADD {label} x25519:{theirs.forTor()}"
    memory_reactor.resultOf(tor.control.command(hers))
    with pytest.raises(ClientKeyConflict) as caught:
        memory_reactor.resultOf(tor.authorizations.hold(label, ours))
    assert theirs.forTor() not in shownBy(caught.value)
    assert running.clientKeys.publicKey(label) == theirs.public


def test_forgottenKey(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A key that tor has forgotten, as it does when an option is set, is given anew to who comes next.
    """
    running = fake_network.startTor("/nowhere", NO_SECRET)
    key, label = ClientKey.generate(), Identity.generate().label
    tor = enter(memory_reactor)
    memory_reactor.resultOf(tor.authorizations.hold(label, key))
    memory_reactor.resultOf(tor.control.command(f"ONION_CLIENT_AUTH_REMOVE {label}"))
    release = memory_reactor.resultOf(tor.authorizations.hold(label, key))
    assert running.clientKeys.publicKey(label) == key.public
    release()
    memory_reactor.advance(0)
    assert running.clientKeys.publicKey(label) == key.public


def test_keysAtTheReactorsEnd(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    They are taken back at the reactor's end too, in use or not.
    """
    running = fake_network.startTor("/nowhere", NO_SECRET)
    label = Identity.generate().label
    tor = enter(memory_reactor)
    memory_reactor.resultOf(tor.authorizations.hold(label, ClientKey.generate()))
    memory_reactor.stop()
    memory_reactor.advance(0)
    assert running.clientKeys.publicKey(label) is None
