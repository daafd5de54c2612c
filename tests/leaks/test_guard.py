# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The guard against leaks, in this process.

What goes past Tor here are functions of one line each, for it is that line that is to be named.
"""

from __future__ import annotations

import asyncio
import gc
import pickle
import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from socket import AF_INET, AF_INET6, SOCK_DGRAM
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    UNIXClientEndpoint,
    UNIXServerEndpoint,
)
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import ClientFactory, DatagramProtocol
from twisted.internet.threads import deferToThread
from twisted.logger import LogEvent
from twisted.python.threadpool import ThreadPool

from onionp2p.leaks import LeakError, LeakGuard, loopback
from onionp2p.leaks.passage import passage
from onionp2p.listening.targets import OURS, listenAt
from onionp2p.local.places import Place
from onionp2p.testing import RecordingFactory

# Nobody listens there, and what is sent there goes nowhere.
HOST = "127.0.0.1"
NAME = "leak.invalid"
PORT = 9
FACTORY = RecordingFactory()
# Its annotation says little.
anyReactor: Any = reactor


@pytest.fixture
def guard(loggedErrors: list[LogEvent]) -> Iterator[LeakGuard]:
    """
    An active guard, inside the suite's own; whatever it has stopped was logged, with its stack.
    """
    guard = LeakGuard()
    guard.start()
    yield guard
    guard.stop()
    assert [event["leak"] for event in loggedErrors] == list(map(str, guard.leaks))
    assert [event["stack"] for event in loggedErrors] == [leak.stack for leak in guard.leaks]
    loggedErrors.clear()


def lineOf(function: Any, after: int = 0) -> str:
    """
    Give the place of a function of one line, as a leak tells it, or of a line in one.
    """
    code = function.__code__
    return f"{__file__}:{code.co_firstlineno + after} in {code.co_name}"


def made(*kind: Any) -> socket.socket:
    """
    Make a socket that is closed when it is forgotten, as that of a failed call is.
    """
    each = socket.socket(*kind)
    sockets.append(each)
    return each


sockets: list[socket.socket] = []


@pytest.fixture(autouse=True)
def closedSockets() -> Iterator[None]:
    """
    Close what L{made} has made.
    """
    yield
    while sockets:
        sockets.pop().close()


BLOCKING: list[tuple[Callable[[], Any], str]] = [
    (lambda: socket.getaddrinfo(NAME, 80), "getaddrinfo(leak.invalid:80)"),
    (lambda: socket.getaddrinfo(NAME.encode(), b"80"), "getaddrinfo(leak.invalid:80)"),
    (lambda: socket.getaddrinfo(None, "http"), "getaddrinfo(*)"),
    (lambda: socket.getaddrinfo(HOST, PORT), "getaddrinfo(127.0.0.1:9)"),
    (lambda: socket.gethostbyname(NAME), "gethostbyname(leak.invalid)"),
    (lambda: socket.gethostbyname_ex(NAME), "gethostbyname(leak.invalid)"),
    (lambda: socket.gethostbyaddr("192.0.2.1"), "gethostbyaddr(192.0.2.1)"),
    (lambda: socket.getnameinfo(("192.0.2.1", 80), 0), "getnameinfo(192.0.2.1:80)"),
    (lambda: socket.create_connection((HOST, PORT)), "getaddrinfo(127.0.0.1:9)"),
    (lambda: made(AF_INET).connect((HOST, PORT)), "connect(127.0.0.1:9)"),
    (lambda: made(AF_INET).connect_ex((HOST, PORT)), "connect(127.0.0.1:9)"),
    (lambda: made(AF_INET6).connect(("::1", PORT, 0, 0)), "connect([::1]:9)"),
    (lambda: made(AF_INET, SOCK_DGRAM).connect((HOST, PORT)), "connect(127.0.0.1:9)"),
    (lambda: made(AF_INET, SOCK_DGRAM).sendto(b"x", (HOST, PORT)), "sendto(127.0.0.1:9)"),
    (lambda: made(AF_INET, SOCK_DGRAM).sendto(b"x", 0, (HOST, PORT)), "sendto(127.0.0.1:9)"),
    (lambda: made(AF_INET, SOCK_DGRAM).sendmsg([b""], [], 0, (HOST, 9)), "sendmsg(127.0.0.1:9)"),
    (lambda: made(AF_INET).bind(("192.0.2.1", 0)), "bind(192.0.2.1:0)"),
    (lambda: made(AF_INET6).bind(("", 0)), "bind(*:0)"),
]
blocking = pytest.mark.parametrize(("leaks", "call"), BLOCKING)
connect = BLOCKING[9][0]


@blocking
def test_blockingCall(leaks: Callable[[], Any], call: str, guard: LeakGuard) -> None:
    """
    Each call that goes past Tor raises, naming what was called and the line that did; the stack
    ends there.
    """
    with pytest.raises(LeakError) as caught:
        leaks()
    assert str(caught.value) == f"{call} goes past Tor, at {lineOf(leaks)}"
    assert f"{leaks.__code__.co_firstlineno}, in <lambda>\n" in guard.leaks[0].stack
    assert list(map(str, guard.leaks)) == [str(caught.value)]


@blocking
def test_anyThread(leaks: Callable[[], Any], call: str, guard: LeakGuard) -> None:
    """
    The same in any thread.
    """

    def run() -> None:
        with suppress(LeakError):
            leaks()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    (leak,) = guard.leaks
    assert str(leak) == f"{call} goes past Tor, at {lineOf(leaks)}"


class OneAttempt(ClientFactory):
    """
    Tells when its connection has failed.
    """

    noisy = False

    def clientConnectionFailed(self, connector: Any, reason: Any) -> None:
        connector.failed = True


@pytest.mark.parametrize(
    ("leaks", "call"),
    [
        (lambda: TCP4ClientEndpoint(reactor, HOST, PORT).connect(FACTORY), "connect(127.0.0.1:9)"),
        (
            lambda: HostnameEndpoint(reactor, NAME, 80).connect(FACTORY),
            "getaddrinfo(leak.invalid:80)",
        ),
        (
            lambda: HostnameEndpoint(reactor, HOST, PORT).connect(FACTORY),
            "getaddrinfo(127.0.0.1:9)",
        ),
        (lambda: reactor.resolve(NAME), "getaddrinfo(leak.invalid:0)"),
        (lambda: deferToThread(socket.gethostbyname, NAME), "gethostbyname(leak.invalid)"),
    ],
)
async def test_reactor(leaks: Callable[[], Any], call: str, guard: LeakGuard) -> None:
    """
    What a reactor does later, or in a thread, fails in good order; the line that asked for it is
    named, and is in the stack.
    """
    with pytest.raises(Exception):  # noqa: B017, PT011 - each API has its own
        await leaks()
    (leak,) = guard.leaks
    assert str(leak) == f"{call} goes past Tor, at {lineOf(leaks)}"
    assert f"{leaks.__code__.co_firstlineno}, in <lambda>\n" in leak.stack


async def test_connectTCP(guard: LeakGuard) -> None:
    """
    C{reactor.connectTCP} tells its factory.
    """
    connect: Callable[[], Any] = lambda: reactor.connectTCP(HOST, PORT, OneAttempt())  # noqa: E731
    connector = connect()
    while not hasattr(connector, "failed"):
        await turn()
    (leak,) = guard.leaks
    assert str(leak) == f"connect(127.0.0.1:9) goes past Tor, at {lineOf(connect)}"


def turn() -> Deferred[None]:
    """
    Let the reactor run.
    """
    turned: Deferred[None] = Deferred()
    reactor.callLater(0, turned.callback, None)
    return turned


# Twisted does not close a socket that it can't bind.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(
    "opens",
    [
        lambda: TCP4ServerEndpoint(reactor, 0).listen(RecordingFactory()),
        lambda: maybeDeferred(anyReactor.listenUDP, 0, DatagramProtocol()),
    ],
)
async def test_openPort(opens: Callable[[], Any], guard: LeakGuard) -> None:
    """
    No port opens to others, of TCP or UDP.
    """
    with pytest.raises(CannotListenError) as caught:
        await opens()
    assert f"bind(*:0) goes past Tor, at {lineOf(opens)}" in str(caught.value)
    caught.value.__context__ = None
    caught.value.socketError = None
    gc.collect()


@pytest.mark.allow_loopback
async def test_datagram(guard: LeakGuard) -> None:
    """
    Nor does one that is open send.
    """
    port = anyReactor.listenUDP(0, DatagramProtocol(), interface=HOST)
    with pytest.raises(LeakError, match=r"sendto\(127.0.0.1:9\)"):
        port.write(b"x", (HOST, PORT))
    await port.stopListening()


@pytest.mark.parametrize(
    ("host", "call"),
    [(HOST, "connect(127.0.0.1:9)"), ("leak.invalid", "getaddrinfo(leak.invalid:9)")],
)
def test_asyncio(host: str, call: str, guard: LeakGuard) -> None:
    """
    Connections of asyncio are not made, by number or by name.
    """

    async def open_() -> None:
        await asyncio.open_connection(host, PORT)

    # In a thread, for here asyncio's reactor may be running.
    with ThreadPoolExecutor(1) as pool:
        error = pool.submit(asyncio.run, open_()).exception()
    assert isinstance(error, LeakError)
    (leak,) = guard.leaks
    assert str(leak) == str(error) == f"{call} goes past Tor, at {lineOf(open_, 1)}"


async def test_unixSocketsAreFree(guard: LeakGuard, tmp_path: Path) -> None:
    """
    UNIX sockets connect, listen, send and receive.
    """
    path = str(tmp_path / "s")
    factory = RecordingFactory(echoes=True)
    port = await UNIXServerEndpoint(reactor, path).listen(factory)
    caller: Any = await UNIXClientEndpoint(reactor, path).connect(RecordingFactory())
    caller.transport.write(b"hello")
    while caller.received != b"hello":
        await turn()
    caller.transport.loseConnection()
    await port.stopListening()
    while caller.lost is None or factory.protocols[0].lost is None:
        await turn()
    with socket.socket(socket.AF_UNIX, SOCK_DGRAM) as one:
        one.bind(str(tmp_path / "d"))
        one.sendto(b"x", str(tmp_path / "d"))
        one.sendmsg([b"y"], [], 0, str(tmp_path / "d"))
    left, right = socket.socketpair()
    with left, right:
        left.sendmsg([b"z"])
    assert guard.leaks == []


def test_freePort(guard: LeakGuard) -> None:
    """
    A port of the loopback interface may be bound: free ones are found so, and nobody is reached.
    """
    for family, host in ((AF_INET, HOST), (AF_INET6, "::1")):
        with socket.socket(family) as each:
            try:
                each.bind((host, 0))
            except LeakError:
                raise
            except OSError:
                assert family == AF_INET6  # which not every machine has
    assert guard.leaks == []


@pytest.mark.allow_loopback
@pytest.mark.usefixtures("clearedErrors")
def test_inactive() -> None:
    """
    Before and after, connections are made as ever, and pools are as they were.
    """
    methods = ThreadPool.callInThreadWithCallback, ThreadPoolExecutor.submit
    with socket.create_server((HOST, 0)) as server:
        for _ in range(2):
            socket.create_connection(server.getsockname()).close()
            with pytest.raises(LeakError), LeakGuard():
                socket.create_connection(server.getsockname())
    assert (ThreadPool.callInThreadWithCallback, ThreadPoolExecutor.submit) == methods


@pytest.fixture
def clearedErrors(loggedErrors: list[LogEvent]) -> Iterator[list[LogEvent]]:
    """
    Forgive what a test has logged.
    """
    yield loggedErrors
    loggedErrors.clear()


@pytest.mark.usefixtures("clearedErrors")
def test_swallowed() -> None:
    """
    Leaks that their makers swallow are raised at the end of the block, each with its line.
    """
    lookUp: Callable[[], Any] = lambda: socket.getfqdn("192.0.2.1")  # noqa: E731
    with pytest.raises(LeakError) as caught, LeakGuard():  # noqa: PT012
        lookUp()
        with suppress(OSError):
            connect()
    assert str(caught.value) == (
        f"gethostbyaddr(192.0.2.1) goes past Tor, at {lineOf(lookUp)}\n"
        f"connect(127.0.0.1:9) goes past Tor, at {lineOf(connect)}"
    )
    assert "in getfqdn\n" in caught.value.__notes__[0]


@pytest.mark.usefixtures("clearedErrors")
def test_swallowedAndFollowed() -> None:
    """
    They win over the error that follows from them, but not over Ctrl-C.
    """
    for error, raised in ((KeyError, LeakError), (KeyboardInterrupt, KeyboardInterrupt)):
        with pytest.raises(raised), LeakGuard():  # noqa: PT012
            with suppress(OSError):
                connect()
            raise error


@pytest.mark.usefixtures("clearedErrors")
def test_cleared() -> None:
    """
    Who expected a leak clears it.
    """
    with LeakGuard() as guard:
        with pytest.raises(LeakError):
            connect()
        assert len(guard.leaks) == 1
        guard.leaks.clear()


def test_otherErrors() -> None:
    """
    Where nothing leaked, errors pass as they are.
    """
    with pytest.raises(KeyError), LeakGuard():
        raise KeyError


@pytest.mark.allow_loopback
def test_allowed(guard: LeakGuard) -> None:
    """
    What a guard allows may be done, and all else not.
    """
    with socket.create_server((HOST, 0)) as server, LeakGuard(allow=loopback) as inner:
        socket.create_connection(server.getsockname()).close()
        with made(AF_INET, SOCK_DGRAM) as datagrams:
            datagrams.sendto(b"x", (HOST, PORT))
            with pytest.raises(LeakError, match=r"sendto\(192.0.2.1:9\)"):
                datagrams.sendto(b"x", ("192.0.2.1", PORT))
        for leaks in (lambda: socket.gethostbyname(NAME), lambda: made(AF_INET).bind(("", 0))):
            with pytest.raises(LeakError):
                leaks()
        # The innermost decides and remembers.
        assert len(inner.leaks) == 3
        assert guard.leaks == []
        guard.leaks += inner.leaks  # for the fixture, which expects what was logged
        inner.leaks.clear()


def test_allowedByPort(guard: LeakGuard) -> None:
    """
    A predicate gets the host and the port, as far as they are known.
    """
    asked = []

    def allow(host: str, port: int | None) -> bool:
        asked.append((host, port))
        return host != NAME and port in {PORT, None}

    with LeakGuard(allow=allow):
        with made(AF_INET, SOCK_DGRAM) as datagrams:
            datagrams.sendto(b"x", (HOST, PORT))
        socket.getnameinfo((HOST, PORT), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)
        socket.gethostbyname(HOST)
    assert asked == [(HOST, PORT), (HOST, PORT), (HOST, None)]


@pytest.mark.parametrize("host", ["localhost", "", "127.1", "192.0.2.1", "127.0.0.1.example.com"])
def test_notLoopback(host: str) -> None:
    """
    Names are no loopback addresses, whatever they resolve to, and neither are odd spellings.
    """
    assert not loopback(host, 80)


def test_noSockets(loggedErrors: list[LogEvent]) -> None:
    """
    With C{sockets=False}, not even a socket is made, but UNIX ones; so a name that is handed
    straight to C{connect} is not resolved.
    """
    with pytest.raises(LeakError) as caught, LeakGuard(sockets=False):  # noqa: PT012
        socket.socket(socket.AF_UNIX).close()
        connect()
    assert str(caught.value).startswith("socket(AF_INET) goes past Tor, at ")
    with (
        pytest.raises(LeakError, match=r"socket\(AF_INET6\)"),
        LeakGuard(sockets=False, allow=loopback),
    ):
        made(AF_INET6)
    assert len(loggedErrors) == 2
    loggedErrors.clear()


@pytest.fixture
def strictGuard(loggedErrors: list[LogEvent]) -> Iterator[LeakGuard]:
    """
    An active guard that lets nobody make an Internet socket.
    """
    guard = LeakGuard(sockets=False)
    guard.start()
    yield guard
    guard.stop()
    loggedErrors.clear()


def test_passage(strictGuard: LeakGuard) -> None:
    """
    A socket that was made on our own way to a tor reaches ports of this machine, and who comes to
    one is accepted; the same port is closed to whatever is made beside it.
    """
    with passage():
        server, ours = socket.create_server((HOST, 0)), made(AF_INET)
    with server, ours:
        ours.connect(server.getsockname())
        server.accept()[0].close()
        assert strictGuard.leaks == []
        with pytest.raises(LeakError, match=r"socket\(AF_INET\)"):
            made(AF_INET)


@pytest.mark.parametrize("host", ["192.0.2.1", "0.0.0.0", NAME, ""])  # noqa: S104
def test_passageLeadsNowhereElse(strictGuard: LeakGuard, host: str) -> None:
    """
    On that way nothing else is reached, whoever is asked for, and no other door is opened.
    """
    with passage(), made(AF_INET) as ours:
        with pytest.raises((LeakError, socket.gaierror)):
            ours.connect((host, PORT))
        with pytest.raises((LeakError, socket.gaierror)):
            ours.bind((host, 0))
        with pytest.raises((LeakError, socket.gaierror)):
            ours.sendto(b"x", (host, PORT))


def test_passageIsOfOneThread(strictGuard: LeakGuard) -> None:
    """
    What other threads do meanwhile is no way to a tor.
    """
    with passage(), ThreadPoolExecutor(1) as pool:
        assert isinstance(pool.submit(made, AF_INET).exception(), LeakError)


async def test_passageOfTwisted(strictGuard: LeakGuard) -> None:
    """
    So Twisted's own transports come through, from where they are asked for to where they connect.
    """
    factory = RecordingFactory(echoes=True)
    port = listenAt(reactor, Place(), factory, OURS)
    address: Any = port.getHost()
    caller: Any = RecordingFactory().buildProtocol(None)
    await Place(port=address.port).connect(reactor, caller, 1)
    caller.transport.write(b"hello")
    assert await caller.receives(5) == b"hello"
    caller.transport.abortConnection()
    await maybeDeferred(port.stopListening)
    assert strictGuard.leaks == []


@pytest.mark.parametrize(
    "written", ["{}.onion", "www.{}.onion", "{}.ONION", "{}", "{}.onion.example.com"]
)
@pytest.mark.parametrize("case", [str.lower, str.upper])
def test_peersAreNotLogged(guard: LeakGuard, written: str, case: Callable[[str], str]) -> None:
    """
    The address of an onion that is looked up as if it were a host is told shortened, however it
    is written.
    """
    label = case("aww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd")
    name = written.format(label)
    short = re.escape(written.format(label[:6] + "…"))
    with pytest.raises(LeakError, match=rf"getaddrinfo\({short}:80\)") as caught:
        socket.getaddrinfo(name, 80)
    assert label not in str(caught.value)


@pytest.mark.usefixtures("clearedErrors")
def test_leakWhileJudging() -> None:
    """
    A predicate that itself goes past Tor is stopped.
    """

    def allow(host: str, port: int | None) -> bool:
        return bool(socket.gethostbyname(NAME))

    with (
        pytest.raises(LeakError, match="while a leak is reported"),
        LeakGuard(allow=allow),
    ):
        connect()


def test_rememberedLeaksAreFew(guard: LeakGuard, loggedErrors: list[LogEvent]) -> None:
    """
    A program that leaks for ever does not fill the memory.
    """
    for _ in range(101):
        with pytest.raises(LeakError):
            connect()
    assert len(guard.leaks) == 100
    del loggedErrors[100:]


def test_leakKeepsNothingAlive(guard: LeakGuard) -> None:
    """
    A leak that is remembered does not hold the sockets and frames that made it.
    """
    with pytest.raises(LeakError):
        connect()
    assert guard.leaks[0].__traceback__ is None
    (leaking,) = sockets
    sockets.clear()
    gc.collect()
    assert [each for each in gc.get_referrers(leaking) if isinstance(each, list)] == []
    leaking.close()


def test_errorCrossesProcesses(guard: LeakGuard) -> None:
    """
    The error can be pickled, as pools of processes do.
    """
    with pytest.raises(LeakError) as caught:
        connect()
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301


def test_strangeFamily(guard: LeakGuard) -> None:
    """
    A family that the machine does not know gives the machine's error.
    """
    with pytest.raises(OSError, match=r"(?i)address family"):
        socket.socket(99)


@pytest.mark.usefixtures("clearedErrors")
def test_theSuiteIsGuarded(leak_guard: LeakGuard) -> None:
    """
    Every test here runs under a guard, asked for or not.
    """
    with pytest.raises(LeakError):
        connect()
    assert len(leak_guard.leaks) == 1
    leak_guard.leaks.clear()


def test_stopIsIdempotent() -> None:
    """
    A guard may be stopped twice, in any order, and started again; it is then the innermost.
    """
    one, other = LeakGuard(), LeakGuard(allow=loopback)
    one.start()
    other.start()
    one.stop()
    one.stop()
    with made(AF_INET, SOCK_DGRAM) as datagrams:
        datagrams.connect((HOST, PORT))
    other.stop()
    other.stop()
