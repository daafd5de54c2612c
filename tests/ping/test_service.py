# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The services of ping and echo.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.endpoints import UNIXClientEndpoint, UNIXServerEndpoint
from twisted.internet.error import CannotListenError, ConnectError
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IProtocolFactory,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.logger import LogEvent, LogLevel, capturedLogs, formatEvent
from twisted.python.failure import Failure
from zope.interface import implementer

from onionp2p.address import OnionAddress
from onionp2p.errors import DialError
from onionp2p.ping import EchoInitiatorFactory, PingInitiatorFactory, PingResponderFactory
from onionp2p.ping.service import DialingService, ListeningService, logPingEvent
from onionp2p.testing import MemoryReactor

LABEL = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd"
ONION = OnionAddress(LABEL, 7777)


@pytest.fixture
def reactor() -> MemoryReactor:
    """
    A running reactor.
    """
    reactor = MemoryReactor()
    reactor.start()
    return reactor


def said(events: Sequence[LogEvent]) -> list[str]:
    """
    Give what our services logged.
    """
    ours = "onionp2p.ping"
    return [formatEvent(event) for event in events if event["log_namespace"].startswith(ours)]


def unexpected(reactor: object) -> None:
    """
    Be what a service does when it gives up, where it must not.
    """
    pytest.fail("gave up")


@implementer(IListeningPort)
class Port:
    """
    Notes that it is to be closed.
    """

    def __init__(self, host: IAddress) -> None:
        self.host = host
        self.closed: Deferred[None] = Deferred()
        self.closing = False

    def startListening(self) -> None:
        raise NotImplementedError

    def stopListening(self) -> Deferred[None]:
        self.closing = True
        return self.closed

    def getHost(self) -> IAddress:
        return self.host


@implementer(IStreamServerEndpoint)
class ServerEndpoint:
    """
    Gives a result of ours, and counts how often it is asked.
    """

    def __init__(self, result: Deferred[Any]) -> None:
        self.result = result
        self.listened = 0

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        self.listened += 1
        return self.result


class TestListening:
    """
    L{ListeningService}.
    """

    def service(
        self, result: Deferred[Any], giveUp: Callable[[Any], object] = unexpected
    ) -> ListeningService:
        """
        Make a service whose listen() gives C{result}.
        """
        return ListeningService(
            MemoryReactor(), ServerEndpoint(result), PingResponderFactory(), giveUp
        )

    def test_answers(self, reactor: MemoryReactor) -> None:
        """
        While it runs, it listens and serves; afterwards the port is gone.
        """
        endpoint = UNIXServerEndpoint(reactor, "/ping")
        service = ListeningService(reactor, endpoint, PingResponderFactory(), unexpected)
        events: list[Any] = []
        dialing = UNIXClientEndpoint(reactor, "/ping")
        with capturedLogs() as logged:
            service.startService()
            pinger = reactor.resultOf(dialing.connect(PingInitiatorFactory(reactor, events.append)))
        assert said(logged) == ["listening on unix:/ping"]
        assert len(events) == 1
        reactor.resultOf(pinger.close())
        reactor.resultOf(service.stopService())
        assert reactor.leftovers() == []
        service.startService()
        reactor.resultOf(service.stopService())

    def test_startsAsTheUser(self) -> None:
        """
        Nothing happens while twistd is still root.
        """
        endpoint = ServerEndpoint(Deferred())
        service = ListeningService(MemoryReactor(), endpoint, Factory(), unexpected)
        service.privilegedStartService()
        assert endpoint.listened == 0
        service.startService()
        assert endpoint.listened == 1

    def test_onionSaysItItself(self) -> None:
        """
        What an onion's endpoint already logged is not logged again.
        """
        with capturedLogs() as logged:
            self.service(succeed(Port(ONION))).startService()
        assert said(logged) == []

    def test_stopWaitsForThePort(self) -> None:
        """
        The service has stopped when its port has.
        """
        port = Port(ONION)
        service = self.service(succeed(port))
        service.startService()
        stopped: list[None] = []
        service.stopService().addCallback(stopped.append)
        assert port.closing
        assert stopped == []
        port.closed.callback(None)
        assert stopped == [None]

    def test_stopWhileListening(self, loggedErrors: list[LogEvent]) -> None:
        """
        Stopping before listen() has fired cancels it, and is no failure.
        """
        cancelled: list[Deferred[Any]] = []
        service = self.service(Deferred(cancelled.append))
        service.startService()
        assert service.stopService().called
        assert len(cancelled) == 1
        assert loggedErrors == []

    @pytest.mark.parametrize("late", [False, True])
    def test_cannotListen(self, late: bool, loggedErrors: list[LogEvent]) -> None:
        """
        A failure is logged as critical, as one sentence, and the service gives up.
        """
        listening: Deferred[Any] = Deferred()
        gaveUp: list[Any] = []
        service = self.service(listening, gaveUp.append)
        error = CannotListenError("any", 7777, OSError("taken"))
        if late:
            service.startService()
            listening.errback(error)
        else:
            listening.errback(error)
            service.startService()
        assert len(gaveUp) == 1
        (event,) = loggedErrors
        assert formatEvent(event) == "not listening: Couldn't listen on any:7777: taken."
        assert "log_failure" not in event
        loggedErrors.clear()
        assert service.stopService().called

    def test_bug(self, loggedErrors: list[LogEvent]) -> None:
        """
        An unexpected error is logged with its traceback.
        """
        gaveUp: list[Any] = []
        self.service(fail(ZeroDivisionError()), gaveUp.append).startService()
        assert len(gaveUp) == 1
        (event,) = loggedErrors
        assert event["log_failure"].check(ZeroDivisionError)
        loggedErrors.clear()


@implementer(IStreamClientEndpoint)
class ClientEndpoint:
    """
    Connects when a test says so.
    """

    def __init__(self) -> None:
        self.dials: list[tuple[IProtocolFactory, Deferred[Any]]] = []
        self.cancelled = 0

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        dial: Deferred[Any] = Deferred(self._cancel)
        self.dials.append((protocolFactory, dial))
        return dial

    def _cancel(self, dial: Deferred[Any]) -> None:
        self.cancelled += 1

    def succeed(self, transport: StringTransport) -> Any:
        """
        Connect the latest dial to C{transport}.
        """
        factory, dial = self.dials[-1]
        protocol: Any = factory.buildProtocol(ONION)
        protocol.makeConnection(transport)
        dial.callback(protocol)
        return protocol


class Deaf(Protocol):
    """
    Accepts and never reads.
    """

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.pauseProducing()


class TestDialing:
    """
    L{DialingService}.
    """

    def test_roundTrips(self, reactor: MemoryReactor) -> None:
        """
        It logs each round trip, and the connection's beginning and end.
        """
        listening = reactor.listenUNIX("/ping", PingResponderFactory())
        factory = PingInitiatorFactory(reactor, logPingEvent, interval=10, now=reactor.seconds)
        service = DialingService(reactor, UNIXClientEndpoint(reactor, "/ping"), factory)
        with capturedLogs() as logged:
            service.startService()
            reactor.advance(15)
            reactor.resultOf(service.stopService())
        assert said(logged) == [
            "connected to unix:/ping",
            "32 bytes from unix:/ping: time=0.0 ms",
            "32 bytes from unix:/ping: time=0.0 ms",
            "the connection to unix:/ping ended: Connection was closed cleanly: Connection done.",
        ]
        listening.stopListening()
        reactor.advance(0)
        assert reactor.leftovers() == []

    def test_redials(self, reactor: MemoryReactor) -> None:
        """
        A dial that fails is logged with its reason, and tried again.
        """
        endpoint = ClientEndpoint()
        service = DialingService(reactor, endpoint, PingInitiatorFactory(reactor, logPingEvent))
        with capturedLogs() as logged:
            service.startService()
            endpoint.dials[0][1].errback(DialError("Now."))
            reactor.advance(10)
        assert f"could not connect: {DialError('Now.')}" in said(logged)
        assert len(endpoint.dials) == 2
        reactor.resultOf(service.stopService())

    def test_addressStaysSecret(self, reactor: MemoryReactor) -> None:
        """
        The whole address of a dialled peer is in no log.
        """
        endpoint = ClientEndpoint()
        factory = PingInitiatorFactory(reactor, logPingEvent)
        service = DialingService(reactor, endpoint, factory)
        with capturedLogs() as logged:
            service.startService()
            endpoint.dials[0][1].errback(ConnectError(string="no"))
            reactor.advance(10)
            transport = StringTransport(peerAddress=ONION)
            pinger = endpoint.succeed(transport)
            pinger.dataReceived(transport.value())
            pinger.dataReceived(b"surplus")
            reactor.advance(100)
            pinger.connectionLost(Failure(ConnectError(string="gone")))
        reactor.resultOf(service.stopService())
        text = "\n".join(said(logged))
        assert "32 bytes from vww6yb….onion:7777: time=" in text
        assert "no answer from vww6yb….onion:7777: no echo within 20 s" in text
        assert LABEL not in "\n".join(f"{formatEvent(event)} {event}" for event in logged)

    def test_stopWhileConnecting(self, reactor: MemoryReactor) -> None:
        """
        Stopping cancels the dial at once, which is no failure to be logged.
        """
        endpoint = ClientEndpoint()
        factory = PingInitiatorFactory(reactor, logPingEvent)
        service = DialingService(reactor, endpoint, factory)
        with capturedLogs() as logged:
            service.startService()
            reactor.resultOf(service.stopService(), 0)
        assert endpoint.cancelled == 1
        assert [event for event in logged if event["log_level"] >= LogLevel.warn] == []
        assert reactor.leftovers() == []

    def test_stopWhileWaiting(self, reactor: MemoryReactor) -> None:
        """
        Stopping between two dials leaves nothing behind.
        """
        endpoint = ClientEndpoint()
        factory = PingInitiatorFactory(reactor, logPingEvent)
        service = DialingService(reactor, endpoint, factory)
        service.startService()
        endpoint.dials[0][1].errback(ConnectError(string="no"))
        reactor.resultOf(service.stopService(), 0)
        assert reactor.leftovers() == []

    def test_stopWithDeafPeer(self, reactor: MemoryReactor) -> None:
        """
        A peer that does not read can't keep the service from stopping.
        """

        class Flooding(EchoInitiatorFactory):
            payload = staticmethod(lambda: bytes(8 * 1024 * 1024))

        reactor.listenUNIX("/deaf", Factory.forProtocol(Deaf))
        endpoint = UNIXClientEndpoint(reactor, "/deaf")
        service = DialingService(reactor, endpoint, Flooding(reactor, logPingEvent))
        service.startService()
        reactor.advance(1)
        reactor.resultOf(service.stopService(), 2)
        assert reactor.getDelayedCalls() == []
