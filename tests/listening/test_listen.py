# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
From C{listen()} to the port and back, with a tor in memory.
"""

from __future__ import annotations

import os
from base64 import b64decode
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.logger import capturedLogs, eventAsText
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from onionp2p import (
    DialOptions,
    ListenOptions,
    OnionAddress,
    OnionClientEndpoint,
    OnionPeer,
    OnionServerEndpoint,
    Wait,
    shutdown,
)
from onionp2p.errors import (
    BootstrapStalled,
    KeyFileError,
    KeyInUse,
    ListenTimeout,
    OnionPortInUse,
    OnionRefused,
    TorDied,
    TorError,
)
from onionp2p.events import Event, Progress, Published
from onionp2p.keys import Identity
from onionp2p.listening.listen import OnionPort
from onionp2p.options import TorOptions
from onionp2p.testing import FakeNetwork, MemoryReactor, RecordingFactory
from onionp2p.testing.faketor import (
    Delay,
    Die,
    Drop,
    Fail,
    Hang,
    Ignore,
    Refuse,
    Reply,
    Stall,
)

PHASES = [
    "LAUNCH",
    "PROTOCOLINFO",
    "GETINFO",
    "SETEVENTS",
    "ADD_ONION",
    "BOOTSTRAP 5",
    "BOOTSTRAP 50",
    "PUBLISH",
    "UPLOAD",
]
"""The moments of a tor that a listen() passes through."""


def begin(
    reactor: MemoryReactor, factory: RecordingFactory | None = None, **options: Any
) -> Deferred[IListeningPort]:
    """
    Begin to listen.
    """
    endpoint = OnionServerEndpoint(reactor, ListenOptions(7777, **options))
    return endpoint.listen(factory or RecordingFactory())


def listen(
    reactor: MemoryReactor, factory: RecordingFactory | None = None, **options: Any
) -> OnionPort:
    """
    Listen.
    """
    port = reactor.resultOf(begin(reactor, factory, **options))
    assert isinstance(port, OnionPort)
    return port


def dial(reactor: MemoryReactor, port: OnionPort, timeout: float = 5) -> Any:
    """
    Connect to a port, and give the dialer's protocol.
    """
    endpoint = OnionClientEndpoint(reactor, DialOptions(port.getHost(), timeout=timeout))
    return reactor.resultOf(endpoint.connect(RecordingFactory()))


def test_interfaces(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    The endpoint and the port are what Twisted's interfaces say.
    """
    endpoint = OnionServerEndpoint(memory_reactor, ListenOptions(7777))
    verifyObject(IStreamServerEndpoint, endpoint)
    verifyObject(IListeningPort, listen(memory_reactor))


def test_nothingBeforeTheReactorRuns(tmp_path: Path) -> None:
    """
    Until the reactor runs, no tor is launched and no file made.
    """
    reactor = MemoryReactor()
    key = tmp_path / "key"
    with FakeNetwork(reactor) as network:
        listening = begin(reactor, key=str(key))
        reactor.advance(1000)
        assert (network.tors, key.exists(), reactor.leftovers()) == ([], False, [])
        reactor.start()
        assert isinstance(reactor.resultOf(listening), OnionPort)
        assert (len(network.tors), key.exists()) == (1, True)
        reactor.stop()
        reactor.advance(0)


def test_address(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    The port's host is the onion's address; without a key it is a new one each time.
    """
    one, other = listen(memory_reactor), listen(memory_reactor)
    host = one.getHost()
    assert isinstance(host, OnionAddress)
    assert host.port == 7777
    assert host.label in fake_network.descriptors
    assert host != other.getHost()
    assert repr(one) == f"<OnionPort {host}>"


def test_peer(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Who comes in is nobody in particular; the connection's own side is the onion.
    """
    factory = RecordingFactory()
    port = listen(memory_reactor, factory)
    dial(memory_reactor, port)
    transport = factory.protocols[0].transport
    assert factory.addresses == [OnionPeer()]
    assert transport.getPeer() == OnionPeer()
    assert transport.getHost() == port.getHost()


def test_refusingFactory(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A factory that builds no protocol turns the peer away, and goes on listening.
    """
    factory = RecordingFactory(refuses=True)
    port = listen(memory_reactor, factory)
    for _ in range(2):
        dialer = dial(memory_reactor, port)
        memory_reactor.advance(0)
        assert dialer.lost is not None
    assert len(factory.addresses) == 2


def test_factoryIsStartedAndStopped(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork
) -> None:
    """
    The factory is started once with the port and stopped with it.
    """
    factory = RecordingFactory()
    port = listen(memory_reactor, factory)
    assert (factory.starts, factory.stops) == (1, 0)
    memory_reactor.resultOf(port.stopListening())
    assert (factory.starts, factory.stops) == (1, 1)


def test_waitForTheAddress(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    With wait=address, listen() fires as soon as tor serves the onion, bootstrapped or not.
    """
    fake_network.on("BOOTSTRAP 50", Delay(10))
    with capturedLogs() as events:
        port = listen(memory_reactor, wait=Wait.ADDRESS)
        assert memory_reactor.seconds() == 0
        assert not announcements(events)
        memory_reactor.advance(10)
    # It can be dialled only now.
    assert announcements(events) == [port.getHost()]


def test_waitForPublication(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    By default, listen() fires when every upload of the descriptor is answered, and then the
    address is in the log.
    """
    fake_network.on("UPLOAD", Delay(3), times=1)
    fake_network.on("UPLOAD", Fail(), times=3)
    fake_network.on("UPLOAD", Delay(7), times=1)
    with capturedLogs() as events:
        port = listen(memory_reactor)
    assert memory_reactor.seconds() == 7
    assert announcements(events) == [port.getHost()]


def announcements(events: Sequence[dict[str, Any]]) -> list[OnionAddress]:
    """
    Give the addresses that the log says are listened on.
    """
    told = [e.get("onionp2p") for e in events]
    return [event.address for event in told if isinstance(event, Published)]


def test_unansweredUploads(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Directories that never answer cost 30 s after the first success, and no more.
    """
    fake_network.on("UPLOAD", Delay(2), times=1)
    fake_network.on("UPLOAD", Ignore())
    listen(memory_reactor)
    assert memory_reactor.seconds() == 32


@pytest.mark.parametrize(
    ("moment", "fault", "why"),
    [
        ("PUBLISH", Ignore(), "tor has begun no upload"),
        ("UPLOAD", Ignore(), "no directory has answered"),
        ("UPLOAD", Fail(), "no directory has taken"),
    ],
)
def test_neverPublished(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    moment: str,
    fault: Ignore | Fail,
    why: str,
) -> None:
    """
    An onion that does not get published in time fails listen(), says in which phase and how far
    that got, and is withdrawn.
    """
    fake_network.on(moment, fault)
    factory = RecordingFactory()
    with pytest.raises(ListenTimeout, match=f"300 s .* publishing the onion: .*{why}"):
        listen(memory_reactor, factory)
    assert fake_network.tors[0].onions.services == {}
    assert (factory.starts, factory.stops) == (1, 1)


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("LAUNCH", "waiting for tor"),
        ("BOOTSTRAP 75", "waiting for tor, which is at 50%"),
        ("PUBLISH", "publishing the onion"),
    ],
)
def test_timeoutTellsThePhase(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, moment: str, words: str
) -> None:
    """
    listen() ends at its time, and the error says what it was at.
    """
    fake_network.on(moment, Delay(1000))
    with pytest.raises(ListenTimeout, match=f"20 s were not enough, {words}") as caught:
        listen(memory_reactor, timeout=20)
    assert isinstance(caught.value, CannotListenError)
    assert memory_reactor.seconds() == 20


@pytest.mark.parametrize("phase", PHASES)
def test_cancelled(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, phase: str, tmp_path: Path
) -> None:
    """
    In every phase, a cancelled listen() fails at once, and leaves nothing behind: no onion, no
    socket, no lock, and no use of tor.
    """
    key = tmp_path / "key"
    fake_network.on(phase, Delay(20))
    factory = RecordingFactory()
    listening = begin(memory_reactor, factory, key=str(key))
    failures: list[Failure] = []
    listening.addErrback(failures.append)
    memory_reactor.advance(1)
    assert failures == []
    listening.cancel()
    memory_reactor.advance(30)
    assert failures[0].check(CancelledError)
    assert factory.starts == factory.stops
    assert os.listdir(tmp_path) == ["key"]
    assert not any(tor.onions.services for tor in fake_network.tors)
    memory_reactor.advance(60)
    assert not any(tor.alive for tor in fake_network.tors)
    assert memory_reactor.leftovers() == []


def test_cancelledAtEveryTurn(tmp_path: Path) -> None:
    """
    Whichever turn of the reactor a listen() is cancelled in, nothing is left of it.
    """
    for turns in count():
        reactor = MemoryReactor()
        reactor.start()
        with FakeNetwork(reactor) as network:
            factory = RecordingFactory()
            listening = begin(reactor, factory, key=str(tmp_path / "key"))
            for _ in range(turns):
                reactor.iterate()
            if listening.called:
                port = reactor.resultOf(listening)
                assert isinstance(port, OnionPort)
                reactor.resultOf(port.stopListening())
                break
            listening.cancel()
            with pytest.raises(CancelledError):
                reactor.resultOf(listening, seconds=0)
            assert factory.starts == factory.stops
            assert os.listdir(tmp_path) == ["key"]
            assert not any(tor.onions.services for tor in network.tors)
        assert reactor.leftovers() == []
    assert turns > 5


def test_refused(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    When tor refuses the onion, listen() fails with tor's own words, and nothing is left.
    """
    fake_network.on("ADD_ONION", Refuse(551, "no luck today"))
    factory = RecordingFactory()
    with pytest.raises(OnionRefused, match="551 no luck today"):
        listen(memory_reactor, factory)
    assert (factory.starts, factory.stops) == (1, 1)


def test_anotherAddress(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A tor that serves another address than that of the key is not trusted, and told to stop.
    """
    other = Identity(bytes(32)).label
    fake_network.on("ADD_ONION", Reply(f"250-ServiceID={other}\r\n250 OK\r\n".encode()))
    withdrawn = fake_network.on(f"DEL_ONION {other}", Refuse(552), times=1)
    with pytest.raises(OnionRefused, match="another address"):
        listen(memory_reactor)
    assert withdrawn.spent


@pytest.mark.parametrize("phase", ["LAUNCH", "GETINFO"])
def test_torDoesNotStart(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    phase: str,
) -> None:
    """
    When tor ends before it has ever answered, listen() fails at once and says so.
    """
    fake_network.on(phase, Delay(1), Die())
    with pytest.raises(TorError):
        listen(memory_reactor)
    assert memory_reactor.seconds() == 1
    memory_reactor.advance(0)


@pytest.mark.parametrize("phase", ["ADD_ONION", "BOOTSTRAP 50", "PUBLISH", "UPLOAD"])
@pytest.mark.parametrize("fault", [Die(), Drop()])
def test_torDies(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, phase: str, fault: Die | Drop
) -> None:
    """
    When it ends later, or the control connection breaks in the middle of a command, listen() waits
    for the next tor, within its time.
    """
    fake_network.on(phase, Delay(1), fault, times=1)
    listen(memory_reactor)
    assert memory_reactor.seconds() < 6
    assert len(fake_network.tors) in {1, 2}


def test_torKeepsDying(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    When none of them gets there, listen() fails when its time is up.
    """
    fake_network.on("PUBLISH", Delay(1), Die())
    with pytest.raises(ListenTimeout, match="300 s were not enough"):
        listen(memory_reactor)


def test_controlLostWhilePublishing(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork
) -> None:
    """
    A control connection that breaks while the onion is being published costs no more than a tor.
    """
    fake_network.on("PUBLISH", Ignore(), times=1)
    listening = begin(memory_reactor)
    memory_reactor.advance(1)
    fake_network.tors[0].dropControl()
    memory_reactor.resultOf(listening, seconds=5)
    assert [tor.alive for tor in fake_network.tors] == [False, True]


def test_hungTor(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A tor that hangs in the middle of a command is replaced, or costs the listen()'s own time.
    """
    fake_network.on("ADD_ONION", Hang(), times=1)
    listen(memory_reactor)
    assert memory_reactor.seconds() < 100
    fake_network.on("ADD_ONION", Hang())
    with pytest.raises(ListenTimeout):
        listen(memory_reactor, timeout=70)


def test_stalledBootstrap(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    When tor makes no progress for 60 s, listen() fails with tor's own reason.
    """
    fake_network.on("BOOTSTRAP 5", Stall("No route to host"))
    with pytest.raises(BootstrapStalled, match="No route to host"):
        listen(memory_reactor)


class TestStopping:
    """
    C{stopListening()}.
    """

    def test_withdraws(self, memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
        """
        It withdraws the onion and closes the socket; who dials then does not get through.
        """
        port = listen(memory_reactor)
        tor = fake_network.tors[0]
        assert list(tor.onions.services) == [port.getHost().label]
        memory_reactor.resultOf(port.stopListening(), seconds=0)
        assert tor.onions.services == {}
        with pytest.raises(Exception, match="not enough"):
            dial(memory_reactor, port)

    def test_idempotent(self, memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
        """
        It may be called twice, at once or later; each call has a Deferred of its own.
        """
        port = listen(memory_reactor)
        first, second = port.stopListening(), port.stopListening()
        first.cancel()
        memory_reactor.resultOf(second, seconds=0)
        memory_reactor.resultOf(port.stopListening(), seconds=0)
        with pytest.raises(CancelledError):
            memory_reactor.resultOf(first)

    def test_connectionsLiveOn(
        self, memory_reactor: MemoryReactor, fake_network: FakeNetwork
    ) -> None:
        """
        Connections that were accepted before live on.
        """
        port = listen(memory_reactor, RecordingFactory(echoes=True))
        dialer = dial(memory_reactor, port)
        memory_reactor.resultOf(port.stopListening())
        dialer.transport.write(b"still here?")
        memory_reactor.advance(1000)
        assert dialer.received == b"still here?"

    @pytest.mark.parametrize("way", ["dies", "hangs", "is shut down"])
    def test_afterTorsEnd(
        self,
        memory_reactor: MemoryReactor,
        fake_network: FakeNetwork,
        way: str,
    ) -> None:
        """
        It succeeds after tor's end, and with a tor that hangs.
        """
        port = listen(memory_reactor)
        if way == "dies":
            fake_network.tors[0].die()
            memory_reactor.advance(0)
        elif way == "hangs":
            fake_network.tors[0].freeze()
        else:
            memory_reactor.resultOf(shutdown(memory_reactor))
        memory_reactor.resultOf(port.stopListening())
        memory_reactor.advance(100)
        assert memory_reactor.leftovers() == []

    def test_duringShutdown(self, memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
        """
        It succeeds while the reactor shuts down, as services call it then; and peers get what was
        sent to them before.
        """
        factory = RecordingFactory()
        port = listen(memory_reactor, factory)
        dialer = dial(memory_reactor, port)
        memory_reactor.advance(0)
        stopped: list[None] = []

        def stop() -> Deferred[None]:
            transport = factory.protocols[0].transport
            transport.write(b"bye")
            transport.loseConnection()
            return port.stopListening().addCallback(stopped.append)

        memory_reactor.addSystemEventTrigger("before", "shutdown", stop)
        memory_reactor.stop()
        memory_reactor.advance(0)
        assert stopped == [None]
        assert dialer.received == b"bye"
        assert not fake_network.tors[0].alive
        assert memory_reactor.leftovers() == []


class TestKeys:
    """
    C{key=}.
    """

    def test_kept(
        self, memory_reactor: MemoryReactor, fake_network: FakeNetwork, tmp_path: Path
    ) -> None:
        """
        The identity is made at the first use and kept: every later one has the same address.
        """
        path = tmp_path / "key"
        hosts = []
        for _ in range(2):
            port = listen(memory_reactor, key=str(path))
            hosts.append(port.getHost())
            memory_reactor.resultOf(port.stopListening())
        assert hosts[0] == hosts[1]
        assert path.stat().st_mode & 0o777 == 0o600
        assert os.listdir(tmp_path) == ["key"]

    def test_savedBeforeTheOnionExists(
        self, memory_reactor: MemoryReactor, fake_network: FakeNetwork, tmp_path: Path
    ) -> None:
        """
        The key is in its file before any tor hears of it.
        """
        fake_network.on("LAUNCH", Delay(10))
        path = tmp_path / "key"
        listening = begin(memory_reactor, key=str(path))
        memory_reactor.advance(0)
        label = Identity.fromFileContent(path.read_bytes()).label
        port = memory_reactor.resultOf(listening)
        assert isinstance(port, OnionPort)
        assert port.getHost().label == label

    def test_inUse(
        self, memory_reactor: MemoryReactor, fake_network: FakeNetwork, tmp_path: Path
    ) -> None:
        """
        A listener of another tor with the same key fails, and says which process has it; the first
        goes on.  Once that has stopped, the key is free.
        """
        path = str(tmp_path / "key")
        port = listen(memory_reactor, key=path)
        with pytest.raises(KeyInUse, match=f"process {os.getpid()}"):
            listen(memory_reactor, key=path, tor=TorOptions(state=str(tmp_path)))
        dial(memory_reactor, port)
        memory_reactor.resultOf(port.stopListening())
        listen(memory_reactor, key=path)

    def test_shared(
        self, memory_reactor: MemoryReactor, fake_network: FakeNetwork, tmp_path: Path
    ) -> None:
        """
        Listeners with one key and different ports are one onion; each stops for itself, and the
        key is free when the last one has.
        """
        path = str(tmp_path / "key")
        factories = [RecordingFactory(), RecordingFactory()]
        one = listen(memory_reactor, factories[0], key=path)
        endpoint = OnionServerEndpoint(memory_reactor, ListenOptions(8888, key=path))
        other = memory_reactor.resultOf(endpoint.listen(factories[1]))
        assert isinstance(other, OnionPort)
        assert one.getHost().label == other.getHost().label
        dial(memory_reactor, one)
        dial(memory_reactor, other)
        assert [len(factory.protocols) for factory in factories] == [1, 1]
        memory_reactor.resultOf(one.stopListening())
        assert os.listdir(tmp_path) != ["key"]
        dial(memory_reactor, other)
        memory_reactor.resultOf(other.stopListening())
        assert os.listdir(tmp_path) == ["key"]

    def test_samePort(
        self, memory_reactor: MemoryReactor, fake_network: FakeNetwork, tmp_path: Path
    ) -> None:
        """
        A second listener with the same key and port fails; the first goes on.
        """
        path = str(tmp_path / "key")
        port = listen(memory_reactor, key=path)
        factory = RecordingFactory()
        with pytest.raises(OnionPortInUse):
            listen(memory_reactor, factory, key=path)
        assert (factory.starts, factory.stops) == (1, 1)
        dial(memory_reactor, port)

    def test_unusable(
        self, memory_reactor: MemoryReactor, fake_network: FakeNetwork, tmp_path: Path
    ) -> None:
        """
        With a key file that can't be used, no tor is launched.
        """
        path = tmp_path / "key"
        path.write_text("not a key")
        path.chmod(0o600)
        with pytest.raises(KeyFileError):
            listen(memory_reactor, key=str(path))
        assert fake_network.tors == []


FAILING: dict[str, list[Any]] = {
    "LAUNCH": [Die()],
    "GETINFO": [Refuse(551), Drop(), Die()],
    "ADD_ONION": [Refuse(551), Drop(), Die(), Hang(), Ignore(), Reply(b"garbage\r\n250 OK\r\n")],
    "BOOTSTRAP 50": [Die(), Stall("no")],
    "PUBLISH": [Ignore(), Die(), Hang()],
    "UPLOAD": [Fail()],
}


@pytest.mark.parametrize(
    ("moment", "fault"), [(moment, fault) for moment in FAILING for fault in FAILING[moment]]
)
def test_keyIsNeverTold(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    tmp_path: Path,
    moment: str,
    fault: Any,
) -> None:
    """
    However listen() fails, the key is in no log event and no error; not even in a traceback with
    the values of all variables.
    """
    path = tmp_path / "key"
    fake_network.on(moment, fault)
    with capturedLogs() as events:
        with pytest.raises(CannotListenError) as caught:
            listen(memory_reactor, key=str(path))
        memory_reactor.advance(100)
    shown = [*(repr(event) + eventAsText(event) for event in events)]
    error: BaseException | None = caught.value
    while error is not None:
        failure = Failure(error, type(error), error.__traceback__, captureVars=True)
        shown += [repr(error), str(error), failure.getTraceback(detail="verbose")]
        error = error.__context__
    for secret in secrets(path.read_text()):
        assert not any(secret in text for text in shown)


def secrets(content: str) -> list[str]:
    """
    Give all that a key file's secret could look like.
    """
    seed = content.rsplit(maxsplit=1)[-1]
    expanded = Identity.fromFileContent(content.encode()).expanded()
    raws = [b64decode(seed), b64decode(expanded)]
    return [seed, expanded, *(raw.hex() for raw in raws), *(repr(raw)[2:-1] for raw in raws)]


def test_progress(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Who asks is told of each step of tor's bootstrap while listen() waits.
    """
    fake_network.on("BOOTSTRAP", Delay(1))
    events: list[Event] = []
    endpoint = OnionServerEndpoint(memory_reactor, ListenOptions(7777), events.append)
    memory_reactor.resultOf(endpoint.listen(RecordingFactory()))
    seen = [event.percent for event in events if isinstance(event, Progress)]
    assert (seen[0], seen[-1]) == (0, 100)
    assert seen == sorted(set(seen))


def test_privateSocket(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Tor brings connections to a socket that only we may open, in a folder that only we may enter.
    """
    port = listen(memory_reactor)
    (target,) = fake_network.tors[0].onions.services[port.getHost().label].targets.values()
    path = target.removeprefix("unix:")
    assert path in memory_reactor.sockets.listening
    (local,) = [r for r in memory_reactor.getReaders() if getattr(r, "path", None) == path]
    assert local.mode == 0o600  # type: ignore[attr-defined]
    assert os.stat(os.path.dirname(path)).st_mode & 0o777 == 0o700


def test_torDied(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    listen() on a tor that has died launches another.
    """
    listen(memory_reactor)
    fake_network.tors[0].die()
    memory_reactor.advance(0)
    dial(memory_reactor, listen(memory_reactor))
    assert [tor.alive for tor in fake_network.tors] == [False, True]
    assert issubclass(TorDied, CannotListenError)
