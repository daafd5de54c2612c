# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What Prometheus reads.
"""

from __future__ import annotations

import socket
import stat
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client.parser import text_string_to_metric_families
from twisted.application.service import IService
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock, deferLater
from twisted.logger import LogEvent, Logger, capturedLogs, formatEvent
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from onionp2p.address import OnionAddress, labelFromPublicKey
from onionp2p.errors import (
    DescriptorNotFound,
    DialCancelled,
    IntroductionFailed,
    TargetError,
    TargetInUse,
    TorDied,
)
from onionp2p.events import (
    Attached,
    Carried,
    Carrying,
    Cause,
    Connected,
    Event,
    Failed,
    NotCarried,
    Progress,
    Published,
    Reachable,
    Repairing,
    Retrying,
    Starting,
    Stopped,
    TorEnded,
    Unreachable,
    publish,
)
from onionp2p.leaks import LeakGuard
from onionp2p.listening import keptsocket
from onionp2p.local.places import Place
from onionp2p.operating import Metrics
from onionp2p.operating.door import Door, parseDoor, whyNot
from onionp2p.operating.measures import Measures
from onionp2p.operating.metrics import MetricsUnavailable
from onionp2p.operating.metricspage import MOST_VISITORS
from onionp2p.testing import MemoryReactor

ONION = OnionAddress(labelFromPublicKey(bytes(32)), 7777)
LISTENER = f'{{onion="{ONION.label[:6]}",port="7777"}}'


class Scraped:
    """
    What events were measured as.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.measures = Measures(self.clock.seconds)

    def happen(self, *events: Event) -> None:
        """
        Have events happen.
        """
        for event in events:
            self.measures.observe(event)

    def read(self) -> dict[str, float]:
        """
        Read all samples, as Prometheus does.
        """
        samples = {}
        for family in text_string_to_metric_families(self.measures.text().decode()):
            for sample in family.samples:
                labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
                samples[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
        return samples

    def state(self) -> list[str]:
        """
        Give the state, or states, in which the listener is said to be.
        """
        states = []
        for family in text_string_to_metric_families(self.measures.text().decode()):
            if family.name == "onionp2p_listener_state":
                states += [sample.labels["state"] for sample in family.samples if sample.value]
        return states


def test_fromTheStart() -> None:
    """
    What counts is there from the start, at nothing, so that its first increase is seen.
    """
    samples = Scraped().read()
    for name in (
        "onionp2p_tor_bootstrap_percent",
        "onionp2p_tor_ended_total",
        "onionp2p_dial_retries_total",
        'onionp2p_dials_total{outcome="connected"}',
        'onionp2p_dials_total{outcome="failed"}',
        'onionp2p_dials_total{outcome="cancelled"}',
        "onionp2p_dial_seconds_count",
        "onionp2p_carried_connections_total",
        "onionp2p_carried_connections_open",
    ):
        assert samples[name] == 0


def test_states() -> None:
    """
    A listener is in one state, and gone when it has stopped.
    """
    scraped = Scraped()
    assert scraped.state() == []
    for event, state in [
        (Starting(ONION), ["starting"]),
        (Published(ONION), ["published"]),
        (Reachable(ONION, 1.0), ["reachable"]),
        (Unreachable(ONION, Cause.OTHER), ["unreachable"]),
        (Repairing(ONION, "anew"), ["repairing"]),
        (Stopped(ONION), []),
        (Stopped(ONION), []),
        (Starting(ONION), ["starting"]),
        (Attached(ONION), ["attached"]),
    ]:
        scraped.happen(event)
        assert scraped.state() == state


def test_stoppedListenersLeaveNothing() -> None:
    """
    A program that listens and stops for ever has no ever longer page.
    """
    scraped = Scraped()
    before = scraped.measures.text()
    for port in range(1, 100):
        address = OnionAddress(ONION.label, port)
        scraped.happen(Starting(address), Published(address), Stopped(address))
    assert scraped.measures.text() == before


def test_unreachableSeconds() -> None:
    """
    The time for which strangers could not reach a listener is counted, while it passes and through
    repairs; so is each recovery.
    """
    scraped = Scraped()
    seconds = f"onionp2p_listener_unreachable_seconds_total{LISTENER}"
    recoveries = f"onionp2p_listener_recoveries_total{LISTENER}"
    scraped.happen(Starting(ONION), Published(ONION))
    scraped.clock.advance(100)
    assert scraped.read()[seconds] == 0
    scraped.happen(Unreachable(ONION, Cause.NO_DESCRIPTOR))
    scraped.clock.advance(10)
    assert scraped.read()[seconds] == 10
    scraped.happen(Repairing(ONION, "anew"))
    scraped.clock.advance(5)
    scraped.happen(Reachable(ONION, 1.0))
    scraped.clock.advance(1000)
    samples = scraped.read()
    assert (samples[seconds], samples[recoveries]) == (15, 1)
    scraped.happen(Reachable(ONION, 1.0))
    assert scraped.read()[recoveries] == 1


def test_clockSetBack() -> None:
    """
    A counter never goes back, though the clock does.
    """
    scraped = Scraped()
    scraped.happen(Unreachable(ONION, Cause.OTHER))
    scraped.clock.advance(10)
    scraped.read()
    scraped.clock.rightNow -= 3600
    scraped.read()
    scraped.clock.advance(10)
    assert scraped.read()[f"onionp2p_listener_unreachable_seconds_total{LISTENER}"] == 20
    scraped.happen(Connected("abcdef…", -3590.0, 1))
    assert scraped.read()["onionp2p_dial_seconds_sum"] == 0


def test_tor() -> None:
    """
    How far tor is, and how often it has gone.
    """
    scraped = Scraped()
    scraped.happen(Progress(45, "loading", "Loading"))
    assert scraped.read()["onionp2p_tor_bootstrap_percent"] == 45
    scraped.happen(TorEnded(TorDied(), 1.0))
    samples = scraped.read()
    assert samples["onionp2p_tor_bootstrap_percent"] == 0
    assert samples["onionp2p_tor_ended_total"] == 1


def test_dials() -> None:
    """
    How dials went, what they took, and what attempts failed with; whom they were to reach is
    nowhere.
    """
    scraped = Scraped()
    scraped.happen(
        Retrying(1, DescriptorNotFound(), 0.5),
        Connected("abcdef….onion:1", 2.0, 3),
        Connected("abcdef….onion:1", 200.0, 3),
        Failed(DescriptorNotFound()),
        Failed(IntroductionFailed()),
        Failed(ValueError()),
        Failed(DialCancelled()),
    )
    samples = scraped.read()
    assert samples['onionp2p_dials_total{outcome="connected"}'] == 2
    assert samples['onionp2p_dials_total{outcome="failed"}'] == 3
    assert samples['onionp2p_dials_total{outcome="cancelled"}'] == 1
    assert samples["onionp2p_dial_retries_total"] == 1
    assert samples['onionp2p_dial_errors_total{error="DescriptorNotFound"}'] == 2
    assert samples['onionp2p_dial_errors_total{error="IntroductionFailed"}'] == 1
    assert samples['onionp2p_dial_errors_total{error="other"}'] == 1
    assert not any("DialCancelled" in name for name in samples)
    assert samples['onionp2p_dial_seconds_bucket{le="1.0"}'] == 0
    assert samples['onionp2p_dial_seconds_bucket{le="2.5"}'] == 1
    assert samples['onionp2p_dial_seconds_bucket{le="+Inf"}'] == 2
    assert samples["onionp2p_dial_seconds_sum"] == 202
    assert b"abcdef" not in scraped.measures.text()


def test_carried() -> None:
    """
    How many connections are carried now, and were until now; what an observer is told of the one
    that can't be is counted as a dial.  What began before anybody measured is not counted.
    """
    scraped = Scraped()
    scraped.happen(Carried(8, 7, 2.5))
    for _ in range(3):
        scraped.happen(Carrying())
    scraped.happen(Carried(8, 7, 2.5), NotCarried(DescriptorNotFound()))
    samples = scraped.read()
    assert samples["onionp2p_carried_connections_total"] == 3
    assert samples["onionp2p_carried_connections_open"] == 2


def test_noAddress() -> None:
    """
    A listener is told by the beginning of its address alone.
    """
    scraped = Scraped()
    scraped.happen(Starting(ONION), Unreachable(ONION, Cause.OTHER, str(ONION)))
    text = scraped.measures.text().decode()
    assert ONION.label[:6] in text
    assert ONION.label[:7] not in text


# Where it is served.


@pytest.mark.parametrize(
    ("text", "door"),
    [
        ("unix:/run/m", Door(Place(path="/run/m"))),
        ("unix:/run/m:mode=660", Door(Place(path="/run/m"), mode=0o660)),
        ("unix:/run/a:b", Door(Place(path="/run/a:b"))),
        ("tcp:127.0.0.1:9100", Door(Place(host="127.0.0.1", port=9100))),
        ("tcp:127.1.2.3:9100", Door(Place(host="127.1.2.3", port=9100))),
        ("tcp:[::1]:9100", Door(Place(host="::1", port=9100))),
    ],
)
def test_doors(text: str, door: Door) -> None:
    """
    A UNIX socket, its owner's alone unless said otherwise; or a port of this machine's own network.
    """
    assert parseDoor(text) == door
    assert Place.fromString(str(door.place)) == door.place


def test_relativeDoor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A relative path is one from where the program was started.
    """
    monkeypatch.chdir(tmp_path)
    assert parseDoor("unix:m").place.path == f"{tmp_path}/m"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tcp:0.0.0.0:9100", "can be reached from outside of this machine"),
        ("tcp:192.168.1.7:9100", "can be reached from outside of this machine"),
        ("tcp:[::]:9100", "can be reached from outside of this machine"),
        ("tcp:localhost:9100", "names are not looked up: write 127.0.0.1"),
        ("tcp::9100", "is no address"),
        ("tcp:9100", "unix:/path or tcp:127.0.0.1:PORT is expected"),
        ("tcp:127.0.0.1:0", "a port is 1 to 65535"),
        ("tcp:127.0.0.1:65536", "a port is at most 65535"),
        ("unix:", "unix:/path or tcp"),
        ("onionp2p:listen:port=1", "unix:/path or tcp"),
        ("", "unix:/path or tcp"),
    ],
)
def test_refusedDoors(text: str, problem: str) -> None:
    """
    Others are refused with the reason.
    """
    with pytest.raises(ValueError, match=problem):
        Metrics(MemoryReactor(), text)


def test_withoutPrometheusClient(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where prometheus-client is not installed, the error says what to install.
    """
    monkeypatch.delitem(sys.modules, "onionp2p.operating.measures")
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MetricsUnavailable, match=r"pip install 'onionp2p\[metrics\]'"):
        Metrics(MemoryReactor(), "unix:/run/m")


class Visitor(Protocol):
    """
    Asks for a page.
    """

    def __init__(self, request: bytes = b"GET /metrics HTTP/1.0\r\n\r\n") -> None:
        self.request = request
        self.received = b""
        self.ended: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        self.say(self.request)

    def say(self, data: bytes) -> None:
        """
        Say more.
        """
        assert self.transport is not None
        self.transport.write(data)

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended.callback(self.received)


class Served:
    """
    Metrics, served in memory.
    """

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.reactor = MemoryReactor()
        self.reactor.start()
        self.service = Metrics(self.reactor, f"unix:{path}")
        self.service.startService()
        self.reactor.advance(0)

    def visit(self, *request: bytes) -> Visitor:
        """
        Send somebody to read them.
        """
        endpoint = UNIXClientEndpoint(self.reactor, self.path)
        visitor: Visitor = self.reactor.resultOf(connectProtocol(endpoint, Visitor(*request)))
        return visitor

    def stop(self) -> None:
        """
        Serve no more.
        """
        self.reactor.resultOf(Deferred.fromCoroutine(self._stop()))

    async def _stop(self) -> None:
        await self.service.stopService()


@pytest.fixture
def served(tmp_path: Path) -> Any:
    """
    Metrics that are served, and leave nothing.
    """
    served = Served(tmp_path / "metrics")
    yield served
    if served.service.running:
        served.stop()
    served.reactor.advance(0)
    assert served.reactor.getDelayedCalls() == []


def test_page(served: Served) -> None:
    """
    The page is Prometheus's text, and tells what has happened in this process.
    """
    verifyObject(IService, served.service)
    publish(Logger(), Progress(45, "loading", "Loading"))
    answer = served.reactor.resultOf(served.visit().ended)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 200 OK\r\n"))
    assert b"text/plain; version=0.0.4; charset=utf-8" in head
    assert b"\nonionp2p_tor_bootstrap_percent 45.0\n" in body


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.0\r\n\r\n", b"404"),
        (b"GET /metrics/x HTTP/1.0\r\n\r\n", b"404"),
        (b"HEAD /metrics HTTP/1.0\r\n\r\n", b"200"),
        (b"POST /metrics HTTP/1.0\r\nContent-Length: 0\r\n\r\n", b"405"),
        (b"nonsense\r\n\r\n", b"400"),
    ],
)
def test_otherRequests(served: Served, request_: bytes, status: bytes) -> None:
    """
    There is one page, to be read.
    """
    answer = served.reactor.resultOf(served.visit(request_).ended)
    assert answer.split()[1] == status


def test_quiet(served: Served) -> None:
    """
    The log holds no line for each reading.
    """
    visitor = served.visit(b"GET /metrics HTTP/1.0\r\n")
    with capturedLogs() as events:
        visitor.say(b"\r\n")
        assert b"onionp2p_dials_total" in served.reactor.resultOf(visitor.ended)
    ours = [event for event in events if "OneShotFactory" not in event["log_namespace"]]
    assert [formatEvent(event) for event in ours] == []


def test_fewAtATime(served: Served) -> None:
    """
    Those who come and say nothing take few descriptors, and not for ever.
    """
    silent = [served.visit(b"") for _ in range(MOST_VISITORS)]
    served.reactor.advance(0)
    assert served.reactor.resultOf(served.visit().ended) == b""
    served.reactor.advance(60)
    assert all(each.ended.called for each in silent)
    assert served.reactor.resultOf(served.visit().ended)


def test_stopping(served: Served) -> None:
    """
    When it stops, nobody is connected any more, nobody can come, and no event is counted.
    """
    visitor = served.visit(b"")
    served.stop()
    served.reactor.advance(0)
    assert visitor.ended.called
    publish(Logger(), Progress(45, "loading", "Loading"))
    assert b"percent 0.0" in served.service._measures.text()


def test_cannotListen(tmp_path: Path, loggedErrors: list[LogEvent]) -> None:
    """
    Metrics that can't be served are told of in one line, and the program goes on.
    """
    served = Served(tmp_path / "there" / "metrics")
    (event,) = loggedErrors
    text = formatEvent(event) or ""
    assert text.startswith(f"metrics are not served at unix:{tmp_path}/there/metrics: ")
    assert "No such file or directory" in text
    loggedErrors.clear()
    served.stop()


def test_neverStarted() -> None:
    """
    A service that was not started stops in good order.
    """
    assert Metrics(MemoryReactor(), "unix:/run/m").stopService() is None


# With real sockets.


async def test_realSocket(tmp_path: Path) -> None:
    """
    Under the strictest guard a UNIX socket is served, to its owner alone.
    """
    from twisted.internet import reactor

    path = tmp_path / "metrics"
    with LeakGuard(sockets=False):
        service = Metrics(reactor, f"unix:{path}")
        service.startService()
        visitor = await connectProtocol(UNIXClientEndpoint(reactor, str(path)), Visitor())
        assert b"onionp2p_dials_total" in await visitor.ended
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        await service.stopService()
    assert not path.exists()


@pytest.mark.parametrize("isTaken", [False, True])
async def test_lostSocket(tmp_path: Path, isTaken: bool) -> None:
    """
    A socket whose file somebody has removed is closed in good order; what another program has put
    in its place stays.
    """
    from twisted.internet import reactor

    path = tmp_path / "metrics"
    service = Metrics(reactor, f"unix:{path}")
    service.startService()
    await connectProtocol(UNIXClientEndpoint(reactor, str(path)), visitor := Visitor())
    await visitor.ended
    path.unlink()
    if isTaken:
        path.write_text("another's")
    await service.stopService()
    assert path.exists() is isTaken


@pytest.mark.deadline(10)
async def test_removedSocket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A socket whose file somebody has removed while we run is there again soon, and who comes reads
    what was measured before.
    """
    from twisted.internet import reactor

    monkeypatch.setattr(keptsocket, "SECONDS_BETWEEN_LOOKS", 0.01)
    path = tmp_path / "metrics"
    service = Metrics(reactor, f"unix:{path}")
    service.startService()
    publish(Logger(), Progress(45, "loading", "Loading"))
    for _ in range(2):
        await connectProtocol(UNIXClientEndpoint(reactor, str(path)), visitor := Visitor())
        assert b"percent 45.0" in await visitor.ended
        path.unlink()
        while not path.exists():
            await deferLater(cast("Any", reactor), 0.01)
    await service.stopService()
    assert not path.exists()


def test_takenSocket(served: Served, loggedErrors: list[LogEvent]) -> None:
    """
    Where something else has taken its place, that is said once; it is tried again until that has
    gone.
    """
    path = Path(served.path)
    path.touch()  # by which it is seen that it is not our socket
    with capturedLogs() as events:
        served.reactor.advance(300)
    assert f"the socket at unix:{path} is gone: it is made anew" in map(formatEvent, events)
    (taken,) = [formatEvent(event) or "" for event in loggedErrors]
    assert taken.startswith(f"metrics are not served at unix:{path}: ")
    assert "is no socket: it was left as it is" in taken
    path.unlink()
    with capturedLogs() as events:
        served.reactor.advance(75)  # the longest pause between attempts, and more
    assert f"metrics are served at unix:{path} again" in map(formatEvent, events)
    assert b"200 OK" in served.reactor.resultOf(served.visit().ended)
    loggedErrors.clear()


async def test_whatTheKilledLeft(tmp_path: Path) -> None:
    """
    The socket that a killed program has left is removed; one at which somebody listens, or a file
    that is no socket, is not.
    """
    from twisted.internet import reactor

    path = str(tmp_path / "metrics")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    factory = Factory.forProtocol(Protocol)
    first, second = [parseDoor(f"unix:{path}").socket(reactor, factory) for _ in range(2)]
    await first.open()
    with pytest.raises(TargetInUse) as caught:
        await second.open()
    assert whyNot(caught.value) == "another program listens there"
    await first.close()
    (tmp_path / "metrics").write_text("precious")
    with pytest.raises(TargetError, match="is no socket"):
        await second.open()
    assert (tmp_path / "metrics").read_text() == "precious"


@pytest.mark.allow_loopback
async def test_realPort() -> None:
    """
    A port of 127.0.0.1 is served.
    """
    from twisted.internet import reactor

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    service = Metrics(reactor, f"tcp:127.0.0.1:{port}")
    service.startService()
    visitor = await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), Visitor())
    assert b"onionp2p_dials_total" in await visitor.ended
    await service.stopService()


@pytest.mark.allow_loopback
@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1", b"200"), ("localhost", b"200"), ("[::1]", b"200"), ("evil.example", b"403")],
)
async def test_rebinding(host: str, status: bytes) -> None:
    """
    At a port, a web page whose name leads to this machine learns nothing.
    """
    from twisted.internet import reactor

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    service = Metrics(reactor, f"tcp:127.0.0.1:{port}")
    service.startService()
    request = f"GET /metrics HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
    visitor = Visitor(request.encode())
    await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), visitor)
    answer = await visitor.ended
    assert answer.split()[1] == status
    assert (b"onionp2p_dials_total" in answer) == (status == b"200")
    await service.stopService()
