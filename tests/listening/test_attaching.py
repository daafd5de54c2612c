# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Attaching to an onion that some tor serves already, in memory.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import capturedLogs, eventAsText
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from onionp2p import DialOptions, OnionAddress, OnionClientEndpoint, OnionPeer, OnionServerEndpoint
from onionp2p.errors import (
    ControlPortNotFound,
    ControlTimeout,
    OnionNotServed,
    PortNotServed,
    TargetError,
    TargetInUse,
    TargetNotLocal,
    TargetUnknown,
)
from onionp2p.events import Attached, Cause, Event, Repairing, Starting, Stopped, Unreachable
from onionp2p.keys import Identity
from onionp2p.listening.listen import OnionPort
from onionp2p.listening.targets import makeWay
from onionp2p.local.places import LONGEST_PATH, LOOPBACK, Place, PortOrPath
from onionp2p.options import ListenOptions, TorOptions
from onionp2p.testing import (
    FakeNetwork,
    MemoryReactor,
    RecordingFactory,
    RecordingProtocol,
)
from onionp2p.testing.faketor import Hang
from onionp2p.tor.configured import parseServices, parseTarget

CONTROL = 9051
STRANGER = Identity.generate().label


@pytest.fixture
def folder() -> Iterator[str]:
    """
    A real folder, for the folders of services.
    """
    with tempfile.TemporaryDirectory(prefix="attach-") as path:
        yield path


Serve = Callable[..., OnionAddress]


@pytest.fixture
def serve(fake_network: FakeNetwork, memory_reactor: MemoryReactor, folder: str) -> Serve:
    """
    Start a tor that serves an onion, by its own configuration, at port 7777.
    """

    def start(*lines: str) -> OnionAddress:
        options = [f"HiddenServiceDir {folder}/service", *lines]
        fake_network.startTor(
            folder,
            {"ControlPort": str(CONTROL), "SocksPort": "9050", "HiddenServiceOptions": options},
        )
        memory_reactor.advance(10)  # until it is published
        name = Path(folder, "service", "hostname").read_text().strip()
        return OnionAddress.fromString(name, 7777)

    return start


def begin(
    reactor: MemoryReactor,
    address: OnionAddress,
    factory: RecordingFactory | None = None,
    *,
    target: PortOrPath | None = None,
    **options: Any,
) -> Deferred[IListeningPort]:
    """
    Begin to attach, by asking the tor unless there is a target.
    """
    tor = TorOptions(control=CONTROL if target is None else None)
    listening = ListenOptions(address.port, attach=address, target=target, tor=tor, **options)
    return OnionServerEndpoint(reactor, listening).listen(factory or RecordingFactory())


def attach(
    reactor: MemoryReactor,
    address: OnionAddress,
    factory: RecordingFactory | None = None,
    **options: Any,
) -> OnionPort:
    """
    Attach.
    """
    port = reactor.resultOf(begin(reactor, address, factory, **options))
    verifyObject(IListeningPort, port)
    assert isinstance(port, OnionPort)
    return port


def dial(reactor: MemoryReactor, address: OnionAddress) -> RecordingProtocol:
    """
    Reach an onion through the tor that serves it.
    """
    endpoint = OnionClientEndpoint(reactor, DialOptions(address, socks=9050, timeout=5))
    protocol = reactor.resultOf(endpoint.connect(RecordingFactory()))
    assert isinstance(protocol, RecordingProtocol)
    return protocol


@pytest.mark.parametrize("target", [8080, "app.sock"])
@pytest.mark.parametrize("asked", [True, False])
def test_attached(
    memory_reactor: MemoryReactor,
    serve: Serve,
    folder: str,
    target: PortOrPath,
    asked: bool,
) -> None:
    """
    Who attaches gets the onion's connections, with no tor of ours; whether they say where those
    arrive, or have the tor asked.
    """
    target = f"{folder}/{target}" if isinstance(target, str) else target
    place = f"unix:{target}" if isinstance(target, str) else f"127.0.0.1:{target}"
    address = serve(f"HiddenServicePort 7777 {place}")
    factory = RecordingFactory(echoes=True)
    with capturedLogs() as events:
        port = attach(memory_reactor, address, factory, target=None if asked else target)
    assert port.getHost() == address
    assert any(f"listening on {address}" in eventAsText(event) for event in events)
    caller = dial(memory_reactor, address)
    caller.transport.write(b"hello")
    memory_reactor.advance(0)
    assert caller.received == b"hello"
    served = factory.protocols[0]
    assert served.transport.getHost() == address
    assert served.transport.getPeer() == OnionPeer()
    memory_reactor.resultOf(port.stopListening())
    memory_reactor.resultOf(port.stopListening())


def test_nothingButTheSocketIsTakenBack(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, serve: Serve
) -> None:
    """
    When it stops, the onion is served on, and its connections live on; a new listener takes its
    place.
    """
    address = serve("HiddenServicePort 7777 8080")
    port = attach(memory_reactor, address, RecordingFactory(echoes=True))
    caller = dial(memory_reactor, address)
    memory_reactor.resultOf(port.stopListening())
    caller.transport.write(b"hello")
    memory_reactor.advance(0)
    assert caller.received == b"hello"
    again = RecordingFactory()
    attach(memory_reactor, address, again)
    dial(memory_reactor, address)
    assert len(again.protocols) == 1


def test_oneQuestion(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, serve: Serve
) -> None:
    """
    The tor is asked, and left alone 60 s later; what it does then is no concern of the listener's.
    """
    address = serve("HiddenServicePort 7777 8080")
    attach(memory_reactor, address)
    running = fake_network._members[0]
    assert len(running.sessions) == 1
    memory_reactor.advance(61)
    assert running.sessions == []
    dial(memory_reactor, address)


def test_noTorIsNeeded(memory_reactor: MemoryReactor) -> None:
    """
    With a target nobody is asked, and no tor need be there.
    """
    address = OnionAddress(STRANGER, 7777)
    port = attach(memory_reactor, address, target=8080)
    memory_reactor.resultOf(port.stopListening())
    assert memory_reactor.leftovers() == []


def failure(reactor: MemoryReactor, address: OnionAddress, **options: Any) -> CannotListenError:
    """
    Attach in vain.
    """
    with pytest.raises(CannotListenError) as caught:
        attach(reactor, address, **options)
    return caught.value


def test_wrongAddress(memory_reactor: MemoryReactor, serve: Serve) -> None:
    """
    An onion that the tor does not serve is refused.
    """
    serve("HiddenServicePort 7777 8080")
    error = failure(memory_reactor, OnionAddress(STRANGER, 7777))
    assert isinstance(error, OnionNotServed)


def test_wrongPort(memory_reactor: MemoryReactor, serve: Serve) -> None:
    """
    Of an onion without such a port, the error names those that it has.
    """
    address = serve("HiddenServicePort 80 8080", "HiddenServicePort 443 8443")
    error = failure(memory_reactor, address)
    assert isinstance(error, PortNotServed)
    assert "It has: 80, 443." in str(error)


@pytest.mark.parametrize("target", ["10.1.2.3:80", "[::1]:80", "127.0.0.2"])
def test_targetElsewhere(memory_reactor: MemoryReactor, serve: Serve, target: str) -> None:
    """
    Where tor delivers to another machine or address, the error names it.
    """
    error = failure(memory_reactor, serve(f"HiddenServicePort 7777 {target}"))
    assert isinstance(error, TargetNotLocal)
    assert target in str(error)


def test_severalTargets(memory_reactor: MemoryReactor, serve: Serve) -> None:
    """
    Where tor chooses among several, the user has to.
    """
    address = serve("HiddenServicePort 7777 8080", "HiddenServicePort 7777 8081")
    error = failure(memory_reactor, address)
    assert isinstance(error, TargetUnknown)
    assert "any of 8080, 8081" in str(error)
    attach(memory_reactor, address, target=8081)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"x" * 100_000, b"example.com\n"])
def test_unreadableHostname(
    memory_reactor: MemoryReactor, serve: Serve, folder: str, content: bytes | None
) -> None:
    """
    Where the service's address can't be read, nothing is guessed: the error says which file, and
    where the port leads that it might be.
    """
    address = serve("HiddenServicePort 7777 8080")
    path = Path(folder, "service", "hostname")
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    error = failure(memory_reactor, address)
    assert isinstance(error, TargetUnknown)
    assert str(path) in str(error)
    assert "port 7777 leads to 8080" in str(error)


def test_controllersOnion(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, serve: Serve
) -> None:
    """
    Of an onion that a controller has made and left, tor tells nothing; the error says so.
    """
    serve("HiddenServicePort 7777 8080")
    options = ListenOptions(7777, tor=TorOptions(control=CONTROL))
    endpoint = OnionServerEndpoint(memory_reactor, options)
    ours = memory_reactor.resultOf(endpoint.listen(RecordingFactory()))
    assert isinstance(ours, OnionPort)
    error = failure(memory_reactor, ours.getHost())
    assert isinstance(error, TargetUnknown)
    assert "ADD_ONION" in str(error)
    memory_reactor.resultOf(ours.stopListening())


def test_noControlPort(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Where there is no tor to ask, the error says so.
    """
    assert isinstance(failure(memory_reactor, OnionAddress(STRANGER, 1)), ControlPortNotFound)


def test_silentTor(memory_reactor: MemoryReactor, fake_network: FakeNetwork, serve: Serve) -> None:
    """
    A tor that does not answer costs no more than the timeout.
    """
    address = serve("HiddenServicePort 7777 8080")
    fake_network.on("GETCONF", Hang())
    before = memory_reactor.seconds()
    error = failure(memory_reactor, address, timeout=7.0)
    assert isinstance(error, ControlTimeout)
    assert memory_reactor.seconds() - before == 7


def test_cancelled(memory_reactor: MemoryReactor, fake_network: FakeNetwork, serve: Serve) -> None:
    """
    Cancelled, it leaves nothing behind.
    """
    address = serve("HiddenServicePort 7777 8080")
    fake_network.on("GETCONF", Hang())
    factory = RecordingFactory()
    attaching = begin(memory_reactor, address, factory)
    memory_reactor.advance(1)
    attaching.cancel()
    with pytest.raises(CancelledError):
        memory_reactor.resultOf(attaching)
    assert factory.numPorts == 0


@pytest.mark.parametrize("target", [8080, "app.sock"])
def test_targetTaken(memory_reactor: MemoryReactor, folder: str, target: PortOrPath) -> None:
    """
    Where somebody listens already, the error says so and nothing is touched.
    """
    target = f"{folder}/{target}" if isinstance(target, str) else target
    address = OnionAddress(STRANGER, 7777)
    port = attach(memory_reactor, address, target=target)
    error = failure(memory_reactor, address, target=target)
    assert isinstance(error, TargetInUse)
    assert str(target) in str(error)
    memory_reactor.resultOf(port.stopListening())


@pytest.mark.parametrize("target", [8080, "app.sock"])
def test_told(memory_reactor: MemoryReactor, folder: str, target: PortOrPath) -> None:
    """
    It is told what can be known: that it listens where that tor delivers, when its socket is gone
    and why it is not back, when it is again, and the end.
    """
    target = f"{folder}/{target}" if isinstance(target, str) else target
    address = OnionAddress(STRANGER, 7777)
    told: list[Event] = []
    options = ListenOptions(7777, attach=address, target=target)
    factory = RecordingFactory()
    endpoint = OnionServerEndpoint(memory_reactor, options, told.append)
    port: Any = memory_reactor.resultOf(endpoint.listen(factory))
    assert told == [Starting(address), Attached(address)]
    # Another file is at the path; the port was ended, and another program has it.
    if isinstance(target, str):
        Path(target).touch()
    else:
        (local,) = memory_reactor.getReaders()
        local.connectionLost(Failure(ConnectionDone()))
        other = memory_reactor.listenTCP(target, Factory.forProtocol(Protocol), interface=LOOPBACK)
    memory_reactor.advance(30)
    assert [type(event) for event in told[2:5]] == [Unreachable, Repairing, Unreachable]
    assert all(each.cause is Cause.TARGET_DEAD for each in told if isinstance(each, Unreachable))
    assert str(target) in told[-1].detail  # type: ignore[attr-defined]
    if isinstance(target, str):
        Path(target).unlink()
    else:
        memory_reactor.resultOf(other.stopListening())  # type: ignore[arg-type]
    memory_reactor.advance(60)
    memory_reactor.resultOf(port.stopListening())
    assert told[-2:] == [Attached(address), Stopped(address)]
    assert (factory.starts, factory.stops) == (1, 1)


# On real sockets, of which a reactor in memory has none.


async def listenFor(path: str) -> OnionPort:
    """
    Attach at a path, really.
    """
    from twisted.internet import reactor

    options = ListenOptions(7777, attach=OnionAddress(STRANGER, 7777), target=path)
    port = await OnionServerEndpoint(reactor, options).listen(RecordingFactory())
    assert isinstance(port, OnionPort)
    return port


async def test_socketFile(folder: str) -> None:
    """
    The socket lets in every user whom its folder lets in, and goes when the listener stops.
    """
    path = os.path.join(folder, "app.sock")
    port = await listenFor(path)
    assert os.stat(path).st_mode & 0o777 == 0o666
    await port.stopListening()
    assert os.listdir(folder) == []


async def test_liveSocket(folder: str) -> None:
    """
    A live listener's socket is taken from nobody.
    """
    path = os.path.join(folder, "app.sock")
    port = await listenFor(path)
    with pytest.raises(TargetInUse, match=path):
        await listenFor(path)
    from twisted.internet import reactor

    visitor: Any = await UNIXClientEndpoint(reactor, path).connect(RecordingFactory())
    visitor.transport.abortConnection()
    await port.stopListening()


async def test_fullSocket(folder: str) -> None:
    """
    Nor that of one that is too busy to answer.
    """
    from twisted.internet import reactor

    path = os.path.join(folder, "app.sock")
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as waiting:
        busy.bind(path)
        busy.listen(0)
        waiting.connect(path)
        with pytest.raises(TargetInUse, match=path):
            await makeWay(reactor, Place(path=path))
    assert os.path.exists(path)


async def test_staleSocket(folder: str) -> None:
    """
    One that a killed program has left is replaced.
    """
    path = os.path.join(folder, "app.sock")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    port = await listenFor(path)
    await port.stopListening()


@pytest.mark.parametrize("kind", ["file", "folder", "fifo", "link", "dangling"])
async def test_otherFiles(folder: str, kind: str) -> None:
    """
    Whatever is no socket is left as it is.
    """
    path = Path(folder, "app.sock")
    if kind == "file":
        path.write_text("precious")
    elif kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/null" if kind == "link" else "/nowhere")
    before = os.lstat(path)
    with pytest.raises(TargetError, match="is no socket"):
        await listenFor(str(path))
    assert os.path.samestat(before, os.lstat(path))


async def test_missingFolder(folder: str) -> None:
    """
    A folder that is missing, or that is none, is a typed error that names the path.
    """
    Path(folder, "file").touch()
    for path in (f"{folder}/missing/app.sock", f"{folder}/file/app.sock"):
        with pytest.raises(TargetError, match=path):
            await listenFor(path)


async def test_longPath() -> None:
    """
    So is a path that no socket can have, once C{~} in it is the home.
    """
    with pytest.raises(TargetError):
        await listenFor("~/" + "x" * (LONGEST_PATH - 2))


# What tor says, as text.


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("8080", 8080),
        ("127.0.0.1", 7777),
        ("127.0.0.1:8080", 8080),
        ("localhost:8080", 8080),
        ("unix:/run/app.sock", "/run/app.sock"),
        ('unix:"/run/a b\\"c"', '/run/a b"c'),
        ("[::1]:8080", None),
        ("127.0.0.2:8080", None),
        ("10.0.0.1", None),
        ("example.com:80", None),
        ("127.0.0.1:99999", None),
        ("unix:", None),
        ("", None),
    ],
)
def test_parseTarget(text: str, target: PortOrPath | None) -> None:
    """
    A target is read as tor reads it; one where we can't listen is none.
    """
    assert parseTarget(text, 7777) == (None if target is None else Place.of(target))


def test_parseServices() -> None:
    """
    What real tor 0.4.9 answers is read: folders with quotes and escapes, ports without targets.
    """
    services = parseServices(
        'HiddenServiceDir="/tmp/xp/d/hs \\303\\2511"\n'
        "HiddenServicePort=7777 localhost:8080\n"
        "HiddenServicePort=7778\n"
        'HiddenServicePort=7780 unix:"/tmp/xp/d/so ck"\n'
        "HiddenServiceDir=/tmp/xp/d/hs2/\n"
        "HiddenServiceMaxStreams=3\n"
        "HiddenServicePort=nonsense\n"
        "HiddenServicePort=80 [::1]:8080\n"
    )
    assert [service.folder for service in services] == ["/tmp/xp/d/hs é1", "/tmp/xp/d/hs2/"]
    assert services[0].ports == [
        (7777, "localhost:8080"),
        (7778, "7778"),
        (7780, 'unix:"/tmp/xp/d/so ck"'),
    ]
    assert services[1].targets(80) == ["[::1]:8080"]
    assert parseServices("HiddenServiceOptions") == []
