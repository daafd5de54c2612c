# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
From C{connect()} to the application's protocol, with a tor in memory.
"""

from __future__ import annotations

from itertools import count

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import (
    ConnectingCancelledError,
    ConnectionDone,
    NoProtocol,
    TimeoutError,
)
from twisted.internet.interfaces import IProtocol, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.logger import capturedLogs, eventAsText
from zope.interface.verify import verifyObject

from onionp2p import (
    DialOptions,
    ListenOptions,
    OnionAddress,
    OnionClientEndpoint,
    OnionPeer,
    OnionServerEndpoint,
)
from onionp2p.errors import (
    AddressTypeUnsupported,
    BootstrapStalled,
    ClientAuthRefused,
    ClientAuthRequired,
    CommandUnsupported,
    ConnectionRefused,
    DescriptorInvalid,
    DescriptorNotFound,
    DialError,
    DialForbidden,
    DialTimeout,
    IntroductionFailed,
    IntroductionTimeout,
    OnionAddressRefused,
    RendezvousFailed,
    SocksProtocolError,
    SocksRefused,
    TorNotBootstrapped,
)
from onionp2p.events import Event, Progress
from onionp2p.keys import Identity
from onionp2p.listening.listen import OnionPort
from onionp2p.testing import FakeNetwork, MemoryReactor, RecordingFactory, RecordingProtocol
from onionp2p.testing.faketor import (
    Delay,
    Die,
    Drop,
    Hang,
    Ignore,
    JoinFirstBytes,
    Refuse,
    Reply,
    Stall,
)

NOBODY = OnionAddress(Identity(bytes(32)).label, 7777)
"""An onion that is never served."""

PHASES = [
    "LAUNCH",
    "PROTOCOLINFO",
    "GETINFO",
    "SETEVENTS",
    "BOOTSTRAP 5",
    "BOOTSTRAP 50",
    "SOCKS GREETING",
    "SOCKS CREDENTIALS",
    "SOCKS CONNECT",
    "TARGET",
]
"""The moments of a tor that a dial passes through."""


def listen(reactor: MemoryReactor, factory: Factory) -> OnionAddress:
    """
    Serve an onion that is published, and give its address.
    """
    endpoint = OnionServerEndpoint(reactor, ListenOptions(7777))
    address = reactor.resultOf(endpoint.listen(factory)).getHost()
    assert isinstance(address, OnionAddress)
    return address


def connect(
    reactor: MemoryReactor, address: OnionAddress, factory: Factory, timeout: float = 120
) -> Deferred[IProtocol]:
    """
    Begin to dial.
    """
    endpoint = OnionClientEndpoint(reactor, DialOptions(address, timeout=timeout))
    return endpoint.connect(factory)


def connected(
    reactor: MemoryReactor, server: RecordingFactory, client: RecordingFactory
) -> tuple[RecordingProtocol, RecordingProtocol]:
    """
    Give both ends of a connection: the listener's and the dialer's.
    """
    address = listen(reactor, server)
    protocol = reactor.resultOf(connect(reactor, address, client))
    reactor.advance(0)
    assert isinstance(protocol, RecordingProtocol)
    return server.protocols[0], protocol


def test_interface(memory_reactor: MemoryReactor) -> None:
    """
    It is a client endpoint of Twisted's.
    """
    endpoint = OnionClientEndpoint(memory_reactor, DialOptions(NOBODY))
    verifyObject(IStreamClientEndpoint, endpoint)


def test_nothingBeforeTheReactorRuns() -> None:
    """
    Until the reactor runs, no tor is launched, no factory started and no time runs.
    """
    reactor = MemoryReactor()
    with FakeNetwork(reactor) as network:
        factory = RecordingFactory()
        connecting = connect(reactor, NOBODY, factory, timeout=5)
        reactor.advance(100)
        assert (network.tors, factory.starts, reactor.leftovers()) == ([], 0, [])
        reactor.start()
        assert (len(network.tors), factory.starts) == (1, 1)
        with pytest.raises(DialTimeout):
            reactor.resultOf(connecting)
    assert reactor.leftovers() == []


def test_cancelledBeforeTheReactorRuns() -> None:
    """
    A dial that was cancelled before the reactor ran never begins.
    """
    reactor = MemoryReactor()
    with FakeNetwork(reactor) as network:
        factory = RecordingFactory()
        connecting = connect(reactor, NOBODY, factory)
        connecting.cancel()
        reactor.start()
        with pytest.raises(ConnectingCancelledError):
            reactor.resultOf(connecting)
        assert (network.tors, factory.starts) == ([], 0)
    assert reactor.leftovers() == []


def test_connects(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Bytes go both ways, whole and in order, far more of them than any buffer holds.
    """
    _, dialer = connected(memory_reactor, RecordingFactory(echoes=True), RecordingFactory())
    sent = bytes(range(256)) * 8192
    dialer.transport.write(sent)
    memory_reactor.advance(0)
    assert dialer.received == sent


def test_addresses(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    The dialer's peer is the onion, and buildProtocol is told so; its own side is nobody.
    """
    client = RecordingFactory()
    _, dialer = connected(memory_reactor, RecordingFactory(), client)
    (address,) = client.addresses
    assert address == OnionAddress(address.label, 7777)
    assert dialer.transport.getPeer() == address
    assert dialer.transport.getHost() == OnionPeer()


@pytest.mark.parametrize("pieceSize", [None, 1, 3])
def test_pieces(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, pieceSize: int | None
) -> None:
    """
    However tor's bytes are cut into packets, on SOCKS and control connections, dials succeed.
    """
    fake_network.pieceSize = pieceSize
    server = RecordingFactory(greeting=b"hello")
    _, dialer = connected(memory_reactor, server, RecordingFactory())
    assert dialer.received == b"hello"


def test_firstBytesWithTheReply(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Bytes of the other end that come in one packet with SOCKS's reply are delivered without waiting
    for more, and after connect() has fired.
    """
    fake_network.on("SOCKS CONNECT", JoinFirstBytes())
    address = listen(memory_reactor, RecordingFactory(greeting=b"hello"))
    received: list[bytes] = []

    def note(protocol: IProtocol) -> IProtocol:
        assert isinstance(protocol, RecordingProtocol)
        received.append(protocol.received)
        return protocol

    connecting = connect(memory_reactor, address, RecordingFactory()).addCallback(note)
    dialer = memory_reactor.resultOf(connecting)
    assert isinstance(dialer, RecordingProtocol)
    assert (received, dialer.received) == ([b""], b"hello")
    assert dialer.steps == ["connectionMade", "dataReceived"]


def test_closedByTheFirstCallback(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Who closes the connection as soon as connect() fires is given no bytes any more.
    """
    fake_network.on("SOCKS CONNECT", JoinFirstBytes())
    address = listen(memory_reactor, RecordingFactory(greeting=b"hello"))
    client = RecordingFactory()
    connecting = connect(memory_reactor, address, client)
    connecting.addCallback(lambda _: client.protocols[0].transport.loseConnection())
    memory_reactor.resultOf(connecting)
    memory_reactor.advance(0)
    assert client.protocols[0].steps == ["connectionMade", "connectionLost"]


def test_nothingIsLostAtTheEnd(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    All that was written before loseConnection() arrives; the end is a clean one at both ends.
    """
    listener, dialer = connected(memory_reactor, RecordingFactory(), RecordingFactory())
    dialer.transport.write(b"x" * 1_000_000)
    dialer.transport.loseConnection()
    memory_reactor.advance(0)
    assert len(listener.received) == 1_000_000
    for end in (listener, dialer):
        assert end.lost is not None
        assert end.lost.check(ConnectionDone)


def test_factoryIsStartedAndStopped(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork
) -> None:
    """
    As Twisted's own endpoints do, each connect() starts the factory, and stops it after the
    connection's end or when the dial has failed.
    """
    client = RecordingFactory()
    _, dialer = connected(memory_reactor, RecordingFactory(), client)
    assert (client.starts, client.stops) == (1, 0)
    dialer.transport.loseConnection()
    memory_reactor.advance(0)
    assert (client.starts, client.stops) == (1, 1)
    with pytest.raises(DialTimeout):
        memory_reactor.resultOf(connect(memory_reactor, NOBODY, client))
    assert (client.starts, client.stops) == (2, 2)


def test_noProtocol(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A factory that builds no protocol fails connect() as it does with TCP, and the connection is
    closed.
    """
    server = RecordingFactory()
    address = listen(memory_reactor, server)
    with pytest.raises(NoProtocol):
        memory_reactor.resultOf(connect(memory_reactor, address, RecordingFactory(refuses=True)))
    memory_reactor.advance(0)
    assert server.protocols[0].lost is not None


def test_brokenFactory(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    What buildProtocol raises is what connect() fails with.
    """

    class Broken(RecordingFactory):
        def buildProtocol(self, addr: object) -> RecordingProtocol:
            raise ZeroDivisionError

    factory = Broken()
    address = listen(memory_reactor, RecordingFactory())
    with pytest.raises(ZeroDivisionError):
        memory_reactor.resultOf(connect(memory_reactor, address, factory))
    assert (factory.starts, factory.stops) == (1, 1)


@pytest.mark.parametrize("code", [0xF0, 0xF2, 0xF3, 0xF7, 0x03, 0x04, 0x06])
def test_retried(memory_reactor: MemoryReactor, fake_network: FakeNetwork, code: int) -> None:
    """
    A dial that fails because the onion or tor is not ready yet is tried again, after pauses that
    grow, until it succeeds.
    """
    fake_network.on("SOCKS CONNECT", Refuse(code), times=4)
    connected(memory_reactor, RecordingFactory(), RecordingFactory())
    # 0.25 + 0.375 + 0.5625 + 0.84375, each a fifth more or less.
    assert 1.6 < memory_reactor.seconds() < 2.5


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (0x05, ConnectionRefused),
        (0xF1, DescriptorInvalid),
        (0xF4, ClientAuthRequired),
        (0xF5, ClientAuthRefused),
        (0xF6, OnionAddressRefused),
        (0x02, DialForbidden),
        (0x07, CommandUnsupported),
        (0x08, AddressTypeUnsupported),
        (0xFF, SocksRefused),
    ],
)
def test_notRetried(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, code: int, error: type[DialError]
) -> None:
    """
    A dial that can't succeed fails at once, with an error of its own that says which onion, in
    short.
    """
    fake_network.on("SOCKS CONNECT", Refuse(code))
    with pytest.raises(error) as caught:
        memory_reactor.resultOf(connect(memory_reactor, NOBODY, RecordingFactory()), seconds=0)
    assert NOBODY.shortened in str(caught.value)
    assert NOBODY.label not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (0xF0, DescriptorNotFound),
        (0xF2, IntroductionFailed),
        (0xF3, RendezvousFailed),
        (0xF7, IntroductionTimeout),
        (0x06, TorNotBootstrapped),
    ],
)
def test_timeoutTellsTheLastError(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, code: int, error: type[DialError]
) -> None:
    """
    When the retries are out of time, the error says why the last one failed.
    """
    fake_network.on("SOCKS CONNECT", Refuse(code))
    with pytest.raises(DialTimeout) as caught:
        memory_reactor.resultOf(connect(memory_reactor, NOBODY, RecordingFactory()))
    assert str(error()) in str(caught.value)
    assert (caught.value.address, caught.value.retriable) == (NOBODY.shortened, True)
    assert memory_reactor.seconds() == 120


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("LAUNCH", "waiting for tor"),
        ("PROTOCOLINFO", "waiting for tor"),
        ("BOOTSTRAP 5", "waiting for tor, which is at 0% (Starting)"),
        ("BOOTSTRAP 75", "waiting for tor, which is at 50% (Loading relay descriptors)"),
        ("SOCKS GREETING", "waiting for tor's method"),
        ("SOCKS CREDENTIALS", "waiting for tor's credentials"),
        ("SOCKS CONNECT", "waiting for tor's reply"),
        ("TARGET", "waiting for tor's reply"),
    ],
)
def test_timeoutTellsThePhase(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, moment: str, words: str
) -> None:
    """
    A dial ends at its time, in whatever phase it is, and the error says which that was.
    """
    server = RecordingFactory()
    address = listen(memory_reactor, server) if moment == "TARGET" else NOBODY
    fake_network.on(moment, Delay(1000))
    client = RecordingFactory()
    with pytest.raises(DialTimeout, match="5 s were not enough") as caught:
        memory_reactor.resultOf(connect(memory_reactor, address, client, timeout=5))
    assert isinstance(caught.value, TimeoutError)
    assert words in str(caught.value)
    assert address.label not in str(caught.value)
    assert (client.protocols, client.stops) == ([], 1)


@pytest.mark.parametrize("phase", PHASES)
def test_cancelled(memory_reactor: MemoryReactor, fake_network: FakeNetwork, phase: str) -> None:
    """
    In every phase, a cancelled dial fails at once, as TCP's does, frees what it has, and builds no
    protocol afterwards.
    """
    server = RecordingFactory()
    address = listen(memory_reactor, server) if phase == "TARGET" else NOBODY
    fake_network.on(phase, Delay(30))
    client = RecordingFactory()
    connecting = connect(memory_reactor, address, client)
    memory_reactor.advance(1)
    connecting.cancel()
    with pytest.raises(ConnectingCancelledError) as caught:
        memory_reactor.resultOf(connecting, seconds=0)
    assert address.label not in str(caught.value)
    memory_reactor.advance(100)
    assert (client.protocols, client.starts, client.stops) == ([], 1, 1)
    if phase != "TARGET":  # there, the listener has a lease of its own
        assert not any(tor.alive for tor in fake_network.tors)


def test_cancelledWhilePausing(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Between two attempts it is the same.
    """
    connecting = connect(memory_reactor, NOBODY, RecordingFactory())
    memory_reactor.advance(0.1)
    connecting.cancel()
    with pytest.raises(ConnectingCancelledError):
        memory_reactor.resultOf(connecting, seconds=0)
    memory_reactor.advance(60)
    assert not fake_network.tors[0].alive
    assert len(fake_network.dials) == 1


def test_cancelledAtEveryTurn() -> None:
    """
    Whichever turn of the reactor a dial is cancelled in, nothing is left of it, and its protocol is
    either connected or never built.
    """
    for turns in count():
        reactor = MemoryReactor()
        reactor.start()
        with FakeNetwork(reactor):
            address = listen(reactor, RecordingFactory())
            client = RecordingFactory()
            connecting = connect(reactor, address, client)
            for _ in range(turns):
                reactor.iterate()
            if connecting.called:
                break
            connecting.cancel()
            with pytest.raises(ConnectingCancelledError):
                reactor.resultOf(connecting, seconds=0)
            reactor.advance(10)
            assert (client.protocols, client.starts, client.stops) == ([], 1, 1)
            reactor.stop()
            reactor.advance(0)
        assert reactor.leftovers() == []
    assert turns > 5


def test_garbage(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    What answers with anything but SOCKS gives an error that says so.
    """
    fake_network.on("SOCKS GREETING", Reply(b"HTTP/1.0 200 OK\r\n\r\n"))
    with pytest.raises(SocksProtocolError):
        memory_reactor.resultOf(connect(memory_reactor, NOBODY, RecordingFactory()))


@pytest.mark.parametrize("moment", ["SOCKS GREETING", "SOCKS CREDENTIALS", "SOCKS CONNECT"])
@pytest.mark.parametrize("fault", [Drop(), Die()])
def test_torGoes(
    memory_reactor: MemoryReactor,
    fake_network: FakeNetwork,
    moment: str,
    fault: Drop | Die,
) -> None:
    """
    A tor that closes the connection, or ends, while it should dial is asked again, or the next one
    is; when none will, the error says what happened.
    """
    server = RecordingFactory()
    fake_network.on(moment, fault, times=2)
    connected(memory_reactor, server, RecordingFactory())
    fake_network.on(moment, fault)
    with pytest.raises(DialTimeout, match="closed our connection"):
        memory_reactor.resultOf(connect(memory_reactor, NOBODY, RecordingFactory()))


def test_stalledBootstrap(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    When tor makes no progress for 60 s, the dial fails with tor's own reason.
    """
    fake_network.on("BOOTSTRAP 14", Stall("Connection refused"))
    with pytest.raises(BootstrapStalled, match=r"at 10%.*Connection refused"):
        memory_reactor.resultOf(connect(memory_reactor, NOBODY, RecordingFactory()))
    assert memory_reactor.seconds() == 60


def test_hungTor(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A tor that hangs costs no more than the dial's own time.
    """
    fake_network.on("SOCKS CONNECT", Hang())
    with pytest.raises(DialTimeout):
        memory_reactor.resultOf(connect(memory_reactor, NOBODY, RecordingFactory(), timeout=7))
    assert memory_reactor.seconds() == 7


def test_neverAnswered(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Nor does a dial that tor never answers.
    """
    fake_network.on("SOCKS CONNECT", Ignore())
    with pytest.raises(DialTimeout):
        memory_reactor.resultOf(connect(memory_reactor, NOBODY, RecordingFactory(), timeout=7))


def test_isolation(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    The dials of one endpoint share circuits with each other and with no other endpoint's.
    """
    address = listen(memory_reactor, RecordingFactory())
    one, other = (OnionClientEndpoint(memory_reactor, DialOptions(address)) for _ in range(2))
    for endpoint in (one, one, other):
        memory_reactor.resultOf(endpoint.connect(RecordingFactory()))
    tokens = [dial.token for dial in fake_network.dials]
    assert tokens[0] == tokens[1] != tokens[2]
    assert all(token.startswith(b"<torS0X>0\0") for token in tokens)


def test_progress(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Who asks is told of each step of tor's bootstrap, until the dial is over.
    """
    fake_network.on("BOOTSTRAP", Delay(1))
    seen: list[Event] = []
    endpoint = OnionClientEndpoint(memory_reactor, DialOptions(NOBODY, timeout=20), seen.append)
    with pytest.raises(DialTimeout):
        memory_reactor.resultOf(endpoint.connect(RecordingFactory()))
    percents = [event.percent for event in seen if isinstance(event, Progress)]
    assert (percents[0], percents[-1]) == (0, 100)
    assert percents == sorted(set(percents))


def test_keepsTorWhileConnected(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Tor stays for as long as there is a connection, and goes 60 s after its end.
    """
    server = RecordingFactory()
    endpoint = OnionServerEndpoint(memory_reactor, ListenOptions(7777))
    port = memory_reactor.resultOf(endpoint.listen(server))
    assert isinstance(port, OnionPort)
    address = port.getHost()
    dialer = memory_reactor.resultOf(connect(memory_reactor, address, RecordingFactory()))
    assert isinstance(dialer, RecordingProtocol)
    memory_reactor.resultOf(port.stopListening())
    memory_reactor.advance(1000)
    assert fake_network.tors[0].alive
    dialer.transport.loseConnection()
    memory_reactor.advance(59)
    assert fake_network.tors[0].alive
    memory_reactor.advance(1)
    assert not fake_network.tors[0].alive


def test_noAddressInLogs(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    The full address of a dialled peer is in no log.
    """
    with capturedLogs() as events, pytest.raises(DialTimeout):
        memory_reactor.resultOf(connect(memory_reactor, NOBODY, RecordingFactory()))
    assert events
    assert NOBODY.label not in repr([{**event, "text": eventAsText(event)} for event in events])
