# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The reactor in memory: what it does is compared with what a real reactor does with UNIX sockets
and with TCP on loopback.
"""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from socket import socket
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    UNIXClientEndpoint,
    UNIXServerEndpoint,
)
from twisted.internet.error import (
    CannotListenError,
    ConnectError,
    ConnectingCancelledError,
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
    NoRouteError,
)
from twisted.internet.interfaces import (
    IListeningPort,
    IReactorCore,
    IReactorFDSet,
    IReactorTCP,
    IReactorTime,
    IReactorUNIX,
    ITCPTransport,
    IUNIXTransport,
)
from twisted.internet.protocol import ClientFactory
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from onionp2p.testing import MemoryReactor, RecordingFactory, RecordingProtocol
from onionp2p.testing.memory import NoResult

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, T]], Awaitable[None]]


class Room:
    """
    A reactor, and a place for one port: a path, or a number of TCP.
    """

    def __init__(self, reactor: Any, path: str, number: int | None = None) -> None:
        self.reactor = reactor
        self.path = path
        self.number = number

    async def listen(self, factory: RecordingFactory) -> IListeningPort:
        """
        Listen there.
        """
        endpoint: Any = (
            UNIXServerEndpoint(self.reactor, self.path)
            if self.number is None
            else TCP4ServerEndpoint(self.reactor, self.number, interface="127.0.0.1")
        )
        port: IListeningPort = await endpoint.listen(factory)
        return port

    def connect(self, factory: RecordingFactory) -> Deferred[Any]:
        """
        Connect to it.
        """
        endpoint: Any = (
            UNIXClientEndpoint(self.reactor, self.path)
            if self.number is None
            else TCP4ClientEndpoint(self.reactor, "127.0.0.1", self.number)
        )
        connecting: Deferred[Any] = endpoint.connect(factory)
        return connecting

    async def pair(
        self, server: RecordingFactory, client: RecordingFactory
    ) -> tuple[IListeningPort, RecordingProtocol, RecordingProtocol]:
        """
        Give a port, and both ends of a connection to it.
        """
        port = await self.listen(server)
        dialer = await self.connect(client)
        assert isinstance(dialer, RecordingProtocol)
        await self.until(lambda: bool(server.protocols))
        return port, server.protocols[0], dialer

    async def until(self, ready: Callable[[], bool]) -> None:
        """
        Wait until something is so.
        """
        while not ready():
            await deferLater(self.reactor, 0.001)


@pytest.fixture
def folder() -> Iterator[str]:
    """
    A folder with a short path.
    """
    with tempfile.TemporaryDirectory(prefix="memory-") as path:
        yield path


async def refused(room: Room) -> None:
    """Nobody listens."""
    why = "No such file or directory" if room.number is None else "Connection refused"
    with pytest.raises(ConnectError, match=why):
        await room.connect(RecordingFactory())


async def taken(room: Room) -> None:
    """Somebody listens there already."""
    factory = RecordingFactory()
    port = await room.listen(factory)
    with pytest.raises(CannotListenError, match="Address already in use"):
        await room.listen(RecordingFactory())
    await port.stopListening()  # type: ignore[misc]
    again = await room.listen(factory)
    await again.stopListening()  # type: ignore[misc]
    assert (factory.starts, factory.stops) == (2, 2)


async def tooLong(room: Room) -> None:
    """The path is longer than a socket's may be."""
    with pytest.raises(CannotListenError, match="AF_UNIX path too long"):
        await UNIXServerEndpoint(room.reactor, "/tmp/" + "x" * 103).listen(RecordingFactory())


async def anyPort(room: Room) -> None:
    """Ports that are chosen for us are free, and known."""
    endpoint = TCP4ServerEndpoint(room.reactor, 0, interface="127.0.0.1")
    ports = [await endpoint.listen(RecordingFactory()) for _ in range(2)]
    one, other = [cast(IPv4Address, port.getHost()).port for port in ports]
    assert 0 < one != other > 0
    for port in ports:
        await port.stopListening()


async def options(room: Room) -> None:
    """What is set on a TCP connection is set."""
    port, _, dialer = await room.pair(RecordingFactory(), RecordingFactory())
    for option in ("TcpNoDelay", "TcpKeepAlive"):
        assert not getattr(dialer.transport, "get" + option)()
        getattr(dialer.transport, "set" + option)(True)
        assert getattr(dialer.transport, "get" + option)()
    dialer.transport.loseConnection()
    await room.until(lambda: dialer.lost is not None)
    await port.stopListening()  # type: ignore[misc]


async def talk(room: Room) -> None:
    """Bytes go both ways, more than fit in between, and the end is clean."""
    port, listener, dialer = await room.pair(RecordingFactory(echoes=True), RecordingFactory())
    dialer.transport.write(b"x" * 1_000_000)
    await room.until(lambda: len(dialer.received) == 1_000_000)
    dialer.transport.loseConnection()
    await room.until(lambda: bool(dialer.lost and listener.lost))
    for end in (dialer, listener):
        assert end.lost is not None
        assert end.lost.check(ConnectionDone)
        assert end.steps == ["connectionMade", "dataReceived", "connectionLost"]
    await port.stopListening()  # type: ignore[misc]


async def addresses(room: Room) -> None:
    """Both ends know the path, as far as UNIX sockets tell it; with TCP, both addresses."""
    port, listener, dialer = await room.pair(RecordingFactory(), RecordingFactory())
    verifyObject(IListeningPort, port)
    host: Any = port.getHost()
    if room.number is None:
        verifyObject(IUNIXTransport, dialer.transport)
        path = room.path.encode()
        assert host.name == path
        assert dialer.transport.getPeer().name == path
        assert dialer.transport.getHost().name is None
        assert listener.transport.getHost().name == path
        assert listener.transport.getPeer().name is None
    else:
        verifyObject(ITCPTransport, dialer.transport)
        assert host == IPv4Address("TCP", "127.0.0.1", room.number)
        assert dialer.transport.getPeer() == listener.transport.getHost() == host
        assert dialer.transport.getHost() == listener.transport.getPeer()
        assert listener.transport.getPeer().port != room.number
    dialer.transport.abortConnection()
    await room.until(lambda: bool(dialer.lost and listener.lost))
    await port.stopListening()  # type: ignore[misc]


async def aborted(room: Room) -> None:
    """The near end hears of the abortion, the far end of a clean end; not so with TCP."""
    port, listener, dialer = await room.pair(RecordingFactory(), RecordingFactory())
    dialer.transport.abortConnection()
    await room.until(lambda: bool(dialer.lost and listener.lost))
    assert dialer.lost is not None
    assert dialer.lost.check(ConnectionAborted)
    assert listener.lost is not None
    assert listener.lost.check(ConnectionDone if room.number is None else ConnectionLost)
    await port.stopListening()  # type: ignore[misc]


async def unread(room: Room) -> None:
    """Who closes without having read what came breaks the connection."""
    port, listener, dialer = await room.pair(RecordingFactory(), RecordingFactory())
    listener.transport.pauseProducing()
    dialer.transport.write(b"unread")
    await deferLater(room.reactor, 0.01)
    listener.transport.abortConnection()
    await room.until(lambda: bool(dialer.lost and listener.lost))
    assert dialer.lost is not None
    assert dialer.lost.check(ConnectionLost)
    await port.stopListening()  # type: ignore[misc]


async def halfClosed(room: Room) -> None:
    """Who ends its own direction ends both, with a protocol that knows of no halves."""
    port, listener, dialer = await room.pair(RecordingFactory(), RecordingFactory())
    dialer.transport.write(b"last words")
    dialer.transport.loseWriteConnection()
    await room.until(lambda: bool(dialer.lost and listener.lost))
    assert listener.received == b"last words"
    assert dialer.lost is not None
    assert dialer.lost.check(ConnectionDone)
    await port.stopListening()  # type: ignore[misc]


async def turnedAway(room: Room) -> None:
    """A factory that builds no protocol turns the client away."""
    port = await room.listen(RecordingFactory(refuses=True))
    dialer = await room.connect(RecordingFactory())
    assert isinstance(dialer, RecordingProtocol)
    await room.until(lambda: dialer.lost is not None)
    assert dialer.lost is not None
    assert dialer.lost.check(ConnectionDone)
    await port.stopListening()  # type: ignore[misc]


async def cancelled(room: Room) -> None:
    """A connect() that is cancelled connects to nobody."""
    server, client = RecordingFactory(), RecordingFactory()
    port = await room.listen(server)
    connecting = room.connect(client)
    connecting.cancel()
    with pytest.raises(ConnectingCancelledError):
        await connecting
    await deferLater(room.reactor, 0.01)
    assert (server.protocols, client.protocols) == ([], [])
    await port.stopListening()  # type: ignore[misc]


BOTH = [
    refused, taken, talk, addresses, aborted, unread, halfClosed, turnedAway, cancelled
]  # fmt: skip
CHECKS = [
    *(("unix", check) for check in [*BOTH, tooLong]),
    *(("tcp", check) for check in [*BOTH, anyPort, options]),
]


def freePort() -> int:
    """
    Give a port of TCP that nobody has.
    """
    with socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.mark.parametrize(("kind", "check"), CHECKS)
def test_inMemory(
    memory_reactor: MemoryReactor, folder: str, kind: str, check: Callable[[Room], Awaitable[None]]
) -> None:
    """
    In memory it goes as it is said above.
    """
    room = Room(memory_reactor, f"{folder}/socket", 7777 if kind == "tcp" else None)
    memory_reactor.resultOf(check(room))
    memory_reactor.advance(1)
    assert memory_reactor.leftovers() == []


# Where it can't listen, Twisted's UNIX port leaves its socket to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.allow_loopback
@pytest.mark.parametrize(("kind", "check"), CHECKS)
async def test_inReality(folder: str, kind: str, check: Callable[[Room], Awaitable[None]]) -> None:
    """
    And so it does with real sockets.
    """
    from twisted.internet import reactor

    await check(Room(reactor, f"{folder}/socket", freePort() if kind == "tcp" else None))


@pytest.mark.parametrize("host", ["192.0.2.1", "example.com", "localhost", "::1", "127.0.0.2"])
def test_nowhereElse(memory_reactor: MemoryReactor, host: str) -> None:
    """
    Every other address is out of reach, and names are asked of nobody.
    """
    memory_reactor.listenTCP(7777, RecordingFactory(), interface="127.0.0.1")
    with pytest.raises(CannotListenError, match="Cannot assign requested address"):
        memory_reactor.listenTCP(7777, RecordingFactory(), interface=host)
    connector = RecordingConnector()
    memory_reactor.connectTCP(host, 7777, connector)
    memory_reactor.advance(0)
    assert connector.failed is not None
    assert connector.failed.check(NoRouteError)


if TYPE_CHECKING:
    _ClientFactory: TypeAlias = ClientFactory[RecordingProtocol]
else:  # That of Twisted 24.7 takes no parameter.
    _ClientFactory = ClientFactory


class RecordingConnector(_ClientFactory):
    """
    Remembers why it could not connect.
    """

    noisy = False
    failed: Failure | None = None

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
        self.failed = reason


def test_interfaces(memory_reactor: MemoryReactor) -> None:
    """
    It provides what programs ask of a reactor.
    """
    for interface in (IReactorCore, IReactorTime, IReactorFDSet, IReactorTCP, IReactorUNIX):
        verifyObject(interface, memory_reactor)


class TestTime:
    """
    Time passes when a test says so.
    """

    def test_step(self, memory_reactor: MemoryReactor) -> None:
        """
        Each delayed call is made at its time, with all that follows from it before the next.
        """
        log: list[tuple[str, float]] = []

        def note(name: str) -> None:
            log.append((name, memory_reactor.seconds()))

        def first() -> None:
            note("first")
            memory_reactor.callLater(1, note, "follows")

        memory_reactor.callLater(3, note, "last")
        memory_reactor.callLater(1, first)
        memory_reactor.advance(10)
        assert log == [("first", 1), ("follows", 2), ("last", 3)]
        assert memory_reactor.seconds() == 10

    def test_notBefore(self, memory_reactor: MemoryReactor) -> None:
        """
        What is later stays where it is.
        """
        memory_reactor.callLater(5, list).cancel()
        call = memory_reactor.callLater(5, list)
        memory_reactor.advance(4.9)
        assert memory_reactor.getDelayedCalls() == [call]
        memory_reactor.advance(0.1)
        assert memory_reactor.getDelayedCalls() == []

    def test_neverAtRest(self, memory_reactor: MemoryReactor) -> None:
        """
        A program that never comes to rest fails the test rather than hang.
        """

        def again() -> None:
            call[0] = memory_reactor.callLater(0, again)

        call = [memory_reactor.callLater(0, again)]
        with pytest.raises(RuntimeError, match="never comes to rest"):
            memory_reactor.advance(1)
        call[0].cancel()


class TestResultOf:
    """
    C{resultOf()}.
    """

    def test_result(self, memory_reactor: MemoryReactor) -> None:
        """
        It lets as much time pass as is needed, and no more.
        """
        later = deferLater(memory_reactor, 7, lambda: "result")
        assert memory_reactor.resultOf(later) == "result"
        assert memory_reactor.seconds() == 7

    def test_exception(self, memory_reactor: MemoryReactor) -> None:
        """
        It raises what the Deferred fails with.
        """
        with pytest.raises(ZeroDivisionError):
            memory_reactor.resultOf(deferLater(memory_reactor, 7, lambda: 1 / 0))

    def test_never(self, memory_reactor: MemoryReactor) -> None:
        """
        It fails when nothing is left that could bring a result.
        """
        with pytest.raises(NoResult):
            memory_reactor.resultOf(Deferred())
        assert memory_reactor.seconds() == 0

    def test_tooLate(self, memory_reactor: MemoryReactor) -> None:
        """
        It fails when the result would take longer than the test allows.
        """
        later: Deferred[None] = deferLater(memory_reactor, 7)
        with pytest.raises(NoResult):
            memory_reactor.resultOf(later, seconds=6)
        later.cancel()


class TestLife:
    """
    Starting and stopping.
    """

    def test_callWhenRunning(self) -> None:
        """
        What waits for the reactor to run is called when it starts.
        """
        reactor = MemoryReactor()
        called: list[None] = []
        reactor.callWhenRunning(called.append, None)
        reactor.advance(100)
        assert (called, reactor.running) == ([], False)
        reactor.start()
        assert (called, reactor.running) == ([None], True)

    def test_shutdown(self, memory_reactor: MemoryReactor) -> None:
        """
        The phases of shutdown come one after the other, and wait for their Deferreds; between the
        last two, all connections are lost.
        """
        log: list[str] = []

        def before() -> Deferred[None]:
            log.append("before")
            return deferLater(memory_reactor, 5, log.append, "waited")

        memory_reactor.addSystemEventTrigger("after", "shutdown", log.append, "after")
        memory_reactor.addSystemEventTrigger("before", "shutdown", before)
        server = RecordingFactory()
        memory_reactor.listenUNIX("/socket", server)
        connecting = UNIXClientEndpoint(memory_reactor, "/socket").connect(RecordingFactory())
        memory_reactor.resultOf(connecting)
        memory_reactor.advance(0)
        memory_reactor.stop()
        memory_reactor.advance(4)
        assert (log, server.protocols[0].lost) == (["before"], None)
        memory_reactor.advance(1)
        assert log == ["before", "waited", "after"]
        assert server.protocols[0].lost is not None
        assert memory_reactor.leftovers() == []

    def test_run(self) -> None:
        """
        Programs that call run() themselves run too, in no time.
        """
        reactor = MemoryReactor()
        reactor.callLater(86400, reactor.stop)
        reactor.run(installSignalHandlers=False)
        assert (reactor.seconds(), reactor.running) == (86400, False)


def test_leftovers(memory_reactor: MemoryReactor) -> None:
    """
    What a program has left open can be seen.
    """
    call = memory_reactor.callLater(1, list)
    port = memory_reactor.listenUNIX("/socket", RecordingFactory())
    assert memory_reactor.leftovers() == [call, *memory_reactor.sockets.open]
    call.cancel()
    stopped = port.stopListening()
    assert stopped is not None
    memory_reactor.resultOf(stopped)
    assert memory_reactor.leftovers() == []


def test_brokenProtocol(memory_reactor: MemoryReactor, loggedErrors: list[object]) -> None:
    """
    A protocol that raises loses its connection, and nobody else's; it is logged.
    """

    class Broken(RecordingProtocol):
        def dataReceived(self, data: bytes) -> None:
            raise ZeroDivisionError

    server = RecordingFactory()
    broken = Broken(server)
    server.buildProtocol = lambda addr: broken  # type: ignore[method-assign]
    memory_reactor.listenUNIX("/socket", server)
    connecting = UNIXClientEndpoint(memory_reactor, "/socket").connect(
        RecordingFactory(greeting=b"hello")
    )
    memory_reactor.resultOf(connecting)
    memory_reactor.advance(0)
    assert broken.lost is not None
    assert broken.lost.check(ZeroDivisionError)
    assert len(loggedErrors) == 1
    loggedErrors.clear()
