# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Ping on libp2p's streams.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.endpoints import UNIXClientEndpoint, UNIXServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort
from twisted.internet.protocol import Factory
from twisted.logger import LogEvent, capturedLogs, formatEvent
from zope.interface.verify import verifyObject

from onionp2p.libp2p import Identity, dial
from onionp2p.libp2p.errors import IdentityFileError, IdentityInUse, StreamReset
from onionp2p.libp2p.identityfile import IdentityFile
from onionp2p.libp2p.ping import NAME, Pinger, PingsFactory
from onionp2p.libp2p.pingservice import PeerDialingService
from onionp2p.libp2p.servers import PeerServerEndpoint
from onionp2p.ping import Ok, PingEvent, PingInitiator, PingResponder
from onionp2p.ping.errors import ConnectionEnded, NoEcho, PingUnsupported
from onionp2p.testing import MemoryReactor

from .conftest import Peers


class Fickle(PingResponder):
    """
    Falls silent after some answers, or cuts its stream at a ping.
    """

    answers = 1000
    cuts = False

    def answer(self, data: bytes) -> bytes:
        if self.answers:
            self.answers -= 1
            return super().answer(data)
        if self.cuts:
            transport: Any = self.transport
            transport.abortConnection()
        return b""


class FickleFactory(PingsFactory):
    """
    Makes them.

    @ivar made: all that it has made.
    @ivar alive: how many have not lost their stream.
    """

    def __init__(self, answers: int = 1000, *, cuts: bool = False) -> None:
        self.made: list[Fickle] = []
        self.answers, self.cuts = answers, cuts

    def buildProtocol(self, addr: IAddress | None) -> Fickle:
        fickle = Fickle()
        fickle.answers, fickle.cuts = self.answers, self.cuts
        self.made.append(fickle)
        return fickle


Connect = Callable[..., tuple[Peers, Pinger]]


@pytest.fixture
def connect(makePeers: Callable[..., Peers]) -> Connect:
    """
    Have Alice connected with a Bob who answers by a factory, and give what pings him.
    """

    def connectTo(factory: Factory | None, **options: Any) -> tuple[Peers, Pinger]:
        peers = makePeers()
        if factory is None:
            del peers.handlers[NAME]
        else:
            peers.handlers[NAME] = factory
        peers.listen()
        peers.connect()
        return peers, Pinger(peers.reactor, peers.alice, **options)

    return connectTo


class TestPinger:
    """
    L{Pinger}.
    """

    def test_oneStream(self, connect: Connect) -> None:
        """
        All pings go by one stream, also those sent at once; a round trip begins when both ends have
        agreed to it.
        """
        factory = FickleFactory()
        agreed: list[int] = []

        def now() -> float:
            agreed.append(len(factory.made))
            return 0.0

        peers, pinger = connect(factory, now=now)
        first, second = pinger.ping(), pinger.ping()
        assert peers.result(first) == peers.result(second) == Ok(0.0, 32)
        for _ in range(3):
            assert peers.result(pinger.ping()) == Ok(0.0, 32)
        assert len(factory.made) == 1
        assert set(agreed) == {1}

    @pytest.mark.parametrize("abruptly", [False, True])
    def test_reopened(self, connect: Connect, abruptly: bool) -> None:
        """
        When the peer has ended the idle stream, the next ping goes by another one.
        """
        factory = FickleFactory()
        peers, pinger = connect(factory)
        for number in range(1, 4):
            peers.result(pinger.ping())
            transport: Any = factory.made[-1].transport
            (transport.abortConnection if abruptly else transport.loseConnection)()
            peers.reactor.advance(1)
            assert len(factory.made) == number

    def test_cutWhilePinging(self, connect: Connect) -> None:
        """
        When the peer ends the stream with a ping on its way, as js-libp2p does every 10 s, the ping
        is sent again by another one, and nobody hears of it.
        """
        factory = FickleFactory(answers=2, cuts=True)
        peers, pinger = connect(factory)
        for _ in range(5):
            assert isinstance(peers.result(pinger.ping()), Ok)
        assert len(factory.made) == 3

    def test_cutAtOnce(self, connect: Connect) -> None:
        """
        A peer that ends every new stream is not asked for ever.
        """
        factory = FickleFactory(answers=0, cuts=True)
        peers, pinger = connect(factory)
        with pytest.raises(ConnectionEnded):
            peers.result(pinger.ping())
        assert len(factory.made) == 1

    def test_connectionLost(self, connect: Connect) -> None:
        """
        With the connection the ping is lost, and the reason is the connection's.
        """
        peers, pinger = connect(FickleFactory(answers=1))
        peers.result(pinger.ping())
        pinging = pinger.ping()
        peers.bob.abort()
        with pytest.raises(ConnectionEnded, match="connection ended while the stream was open"):
            peers.result(pinging)
        with pytest.raises(ConnectionEnded, match="being closed"):
            peers.result(pinger.ping())

    def test_silence(self, connect: Connect) -> None:
        """
        After a ping without an answer another stream is tried.
        """
        factory = FickleFactory(answers=1)
        peers, pinger = connect(factory, timeout=5)
        peers.result(pinger.ping())
        before = peers.reactor.seconds()
        with pytest.raises(NoEcho, match="no echo within 5 s"):
            peers.result(pinger.ping())
        assert peers.reactor.seconds() - before == pytest.approx(5, abs=0.1)
        assert isinstance(peers.result(pinger.ping()), Ok)
        assert len(factory.made) == 2

    def test_noAgreement(self, rawPeer: Callable[..., tuple[Peers, Any]]) -> None:
        """
        A peer that does not even take the stream has no more time than for an echo.
        """
        peers, _ = rawPeer()
        pinger = Pinger(peers.reactor, peers.bob, timeout=5)
        with pytest.raises(NoEcho, match="no echo within 5 s"):
            peers.result(pinger.ping())

    def test_unsupported(self, connect: Connect) -> None:
        """
        That a peer speaks no ping is an error of its own.
        """
        peers, pinger = connect(None)
        with pytest.raises(PingUnsupported, match="but not its ping"):
            peers.result(pinger.ping())

    def test_close(self, connect: Connect) -> None:
        """
        After the last ping the stream ends for both, and the connection goes on.
        """
        factory = FickleFactory()
        peers, pinger = connect(factory)
        peers.result(pinger.close())
        peers.result(pinger.ping())
        peers.result(pinger.close())
        peers.reactor.advance(1)
        assert (peers.alice.streams, peers.bob.streams) == (0, 0)
        assert not peers.alice.ended
        assert isinstance(peers.result(pinger.ping()), Ok)

    def test_cancelled(self, connect: Connect) -> None:
        """
        A ping may be cancelled at any time, and spoils no other.
        """
        peers, pinger = connect(FickleFactory())
        for turns in range(6):
            pinging = pinger.ping()
            pinging.addErrback(lambda _: None)
            for _ in range(turns):
                peers.reactor.advance(0)
            pinging.cancel()
            assert isinstance(peers.result(pinger.ping()), Ok)


def test_inboundStreams(connect: Connect) -> None:
    """
    A peer may ping on two streams at a time, not on three; when one ends there is room again, and
    another peer has room of its own.
    """
    peers, _ = connect(PingsFactory())

    def pinging() -> Any:
        factory = Factory.forProtocol(lambda: PingInitiator(peers.reactor))
        return peers.result(peers.alice.openStream(NAME, factory))

    first, second = pinging(), pinging()
    with pytest.raises(StreamReset):
        pinging()
    assert isinstance(peers.result(first.ping()), Ok)
    assert isinstance(peers.result(second.ping()), Ok)

    other = peers.result(dial(peers.reactor, peers.endpoint, Identity.generate()))
    assert isinstance(peers.result(Pinger(peers.reactor, other).ping()), Ok)

    peers.result(first.close())
    peers.reactor.advance(0)
    assert isinstance(peers.result(pinging().ping()), Ok)


def said(events: Sequence[LogEvent]) -> list[str]:
    """
    Give what our service logged.
    """
    return [
        formatEvent(event)
        for event in events
        if event["log_namespace"].startswith(("onionp2p.ping", "onionp2p.libp2p.pingservice"))
    ]


class TestService:
    """
    L{PeerDialingService}.
    """

    def service(self, peers: Peers, peerID: str | None = None, **options: Any) -> Any:
        """
        Make one for Alice.
        """
        events: list[PingEvent] = []
        options = {"observer": events.append, "giveUp": unexpected, **options}
        service = PeerDialingService(peers.reactor, peers.endpoint, peerID, **options)
        return service, events

    def test_pings(self, makePeers: Callable[..., Peers]) -> None:
        """
        It pings at once, and 15 s after each result, and answers the peer's pings; at its end
        nothing is left.
        """
        peers = makePeers()
        peers.listen()
        service, events = self.service(peers, peers.bobIdentity.peerID)
        service.privilegedStartService()
        service.startService()
        peers.reactor.advance(31)
        assert [type(event.result) for event in events] == [Ok, Ok, Ok]
        assert events[0].peer.peerID == peers.bobIdentity.peerID
        theirs = Pinger(peers.reactor, peers.bob)
        assert isinstance(peers.result(theirs.ping()), Ok)
        peers.result(service.stopService())
        peers.reactor.advance(0)
        assert not peers.factory.connections

    def test_reconnects(self, makePeers: Callable[..., Peers]) -> None:
        """
        When the connection is lost it says so, dials again, and has no more to say of that than
        anybody may know.
        """
        peers = makePeers()
        peers.listen()
        service, events = self.service(peers)
        with capturedLogs() as logs:
            service.startService()
            peers.reactor.advance(1)
            peers.result(peers.bob.close())
            peers.reactor.advance(5)
        assert len(events) == 2
        name = f"peer …{peers.bobIdentity.peerID[-6:]}"
        begun, ended, again = said(logs)
        assert begun == again == f"connected to {name}"
        assert ended.startswith(f"the connection to {name} ended: ")
        peers.result(service.stopService())

    def test_notConnected(self, makePeers: Callable[..., Peers]) -> None:
        """
        Why it can't connect is told each time.
        """
        peers = makePeers()
        service, events = self.service(peers)
        with capturedLogs() as logs:
            service.startService()
            peers.reactor.advance(4)
        assert len(said(logs)) >= 2
        assert all(line.startswith("could not connect: ") for line in said(logs))
        assert events == []
        peers.result(service.stopService())

    def test_wrongPeer(self, makePeers: Callable[..., Peers], loggedErrors: list[LogEvent]) -> None:
        """
        When another peer answers, it says so and gives up: that would be so each time.
        """
        peers = makePeers()
        peers.listen()
        gaveUp: list[Any] = []
        service, events = self.service(peers, Identity.generate().peerID, giveUp=gaveUp.append)
        service.startService()
        peers.reactor.advance(100)
        (event,) = loggedErrors
        loggedErrors.clear()
        assert formatEvent(event).startswith("not pinging: Who answered is another peer")
        assert gaveUp == [peers.reactor]
        assert events == []
        assert not peers.factory.connections
        peers.result(service.stopService())

    def test_unsupported(self, makePeers: Callable[..., Peers]) -> None:
        """
        That the peer speaks no ping is told once, and then it is not asked again.
        """
        peers = makePeers()
        del peers.handlers[NAME]
        peers.listen()
        service, events = self.service(peers)
        service.startService()
        peers.reactor.advance(100)
        (event,) = events
        assert isinstance(event.result.reason, PingUnsupported)
        peers.result(service.stopService())

    @pytest.mark.parametrize("turns", range(8))
    def test_stopped(self, makePeers: Callable[..., Peers], turns: int) -> None:
        """
        It can be stopped at any time.
        """
        peers = makePeers()
        peers.listen()
        service, _ = self.service(peers)
        service.startService()
        for _ in range(turns):
            peers.reactor.advance(0)
        peers.result(service.stopService())
        peers.reactor.advance(10)
        assert not peers.factory.connections

    def test_identity(self, makePeers: Callable[..., Peers], tmp_path: Path) -> None:
        """
        With a file it is somebody whom the peer knows again; the file is its own while it runs.
        """
        peers = makePeers()
        peers.listen()
        path = str(tmp_path / "identity")
        seen = []
        for _ in range(2):
            service, _ = self.service(peers, identity=path)
            service.startService()
            peers.reactor.advance(1)
            peer: Any = peers.bob.peer
            seen.append(peer.peerID)
            with pytest.raises(IdentityInUse):
                IdentityFile(path)
            peers.result(service.stopService())
            peers.reactor.advance(0)
        assert seen[0] == seen[1]
        IdentityFile(path).close()

    def test_noIdentity(
        self, makePeers: Callable[..., Peers], tmp_path: Path, loggedErrors: list[LogEvent]
    ) -> None:
        """
        With a file that is none it gives up.
        """
        peers = makePeers()
        gone: list[object] = []
        service, _ = self.service(peers, identity=str(tmp_path), giveUp=gone.append)
        service.startService()
        (event,) = loggedErrors
        loggedErrors.clear()
        assert formatEvent(event).startswith("not pinging: ")
        assert gone == [peers.reactor]
        peers.result(service.stopService())


def unexpected(reactor: object) -> None:
    """
    Be what a service does when it gives up, where it must not.
    """
    pytest.fail("gave up")


class TestServer:
    """
    L{PeerServerEndpoint}.
    """

    def test_listen(self, memory_reactor: MemoryReactor, tmp_path: Path) -> None:
        """
        Its port tells who is there, and takes all peers along as it closes.
        """
        reactor = memory_reactor
        path = str(tmp_path / "identity")
        place = UNIXServerEndpoint(reactor, "/bob")
        port: Any = reactor.resultOf(
            PeerServerEndpoint(reactor, place, NAME, path).listen(PingsFactory())
        )
        verifyObject(IListeningPort, port)
        connecting = dial(
            reactor,
            UNIXClientEndpoint(reactor, "/bob"),
            Identity.generate(),
            peerID=port.getHost().peerID,
        )
        connection = reactor.resultOf(connecting)
        assert isinstance(reactor.resultOf(Pinger(reactor, connection).ping()), Ok)
        with pytest.raises(IdentityInUse):
            IdentityFile(path)
        reactor.resultOf(port.stopListening())
        reactor.resultOf(port.stopListening())
        assert connection.ended
        file = IdentityFile(path)
        assert file.identity.peerID == port.getHost().peerID
        file.close()

    def test_failures(self, memory_reactor: MemoryReactor, tmp_path: Path) -> None:
        """
        When it can't listen, the identity is free again; when it can't have the identity, it does
        not listen.
        """
        reactor = memory_reactor
        path = str(tmp_path / "identity")
        port = reactor.resultOf(UNIXServerEndpoint(reactor, "/bob").listen(PingsFactory()))
        endpoint = PeerServerEndpoint(reactor, UNIXServerEndpoint(reactor, "/bob"), NAME, path)
        with pytest.raises(CannotListenError):
            reactor.resultOf(endpoint.listen(PingsFactory()))
        IdentityFile(path).close()
        reactor.resultOf(port.stopListening())
        free = UNIXServerEndpoint(reactor, "/bob")
        with pytest.raises(IdentityFileError):
            reactor.resultOf(
                PeerServerEndpoint(reactor, free, NAME, str(tmp_path)).listen(PingsFactory())
            )
        assert reactor.leftovers() == []
