# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
An onion that leads to a program, with a tor in memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.interfaces import IListeningPort
from twisted.logger import capturedLogs, eventAsText
from zope.interface.verify import verifyObject

from onionp2p import DialOptions, ListenOptions, OnionAddress, OnionClientEndpoint, Wait
from onionp2p.errors import DialError, UnreachableTarget
from onionp2p.events import Event, Published
from onionp2p.forwarding import parseTarget, publish
from onionp2p.listening.arrivals import Arrivals
from onionp2p.options import Admission, TorOptions
from onionp2p.testing import FakeNetwork, MemoryReactor, RecordingFactory

LABEL = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd"


def connect(reactor: MemoryReactor, address: Any, timeout: float = 20) -> Any:
    """
    Dial an onion.
    """
    endpoint = OnionClientEndpoint(reactor, DialOptions(address, timeout=timeout))
    peer = reactor.resultOf(endpoint.connect(RecordingFactory()))
    reactor.advance(0)
    return peer


@pytest.mark.parametrize("target", ["unix:/app.sock", "tcp:127.0.0.1:4001"])
def test_leadsToTheProgram(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, target: str
) -> None:
    """
    Tor takes the onion's connections straight to the program; we listen nowhere.
    """
    factory = RecordingFactory(echoes=True)
    if target.startswith("unix"):
        program = memory_reactor.listenUNIX("/app.sock", factory)
    else:
        program = memory_reactor.listenTCP(4001, factory, interface="127.0.0.1")
    events: list[Event] = []
    with capturedLogs() as logged:
        port = memory_reactor.resultOf(
            publish(memory_reactor, target, ListenOptions(7777), events.append)
        )
    assert not [each for each in logged if each["log_level"].name == "warn"]
    verifyObject(IListeningPort, port)
    address: Any = port.getHost()
    assert isinstance(address, OnionAddress)
    assert Published(address) in events
    peer = connect(memory_reactor, address)
    peer.transport.write(b"question")
    memory_reactor.advance(0)
    assert peer.received == b"question"
    factories = [getattr(each, "_factory", None) for each in memory_reactor.getReaders()]
    assert not [each for each in factories if isinstance(each, Arrivals)]
    peer.transport.abortConnection()
    memory_reactor.resultOf(port.stopListening())
    assert fake_network.tors[0].onions.services == {}
    program.stopListening()
    memory_reactor.advance(0)


def test_nobodyThereYet(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A program may start later: until then there is a warning, and who dials is turned away.
    """
    with capturedLogs() as logged:
        port = memory_reactor.resultOf(publish(memory_reactor, "unix:/app.sock", ListenOptions(1)))
    (warning,) = [eventAsText(each) for each in logged if each["log_level"].name == "warn"]
    assert "nobody listens at unix:/app.sock yet" in warning
    with pytest.raises(UnreachableTarget):
        connect(memory_reactor, port.getHost())
    program = memory_reactor.listenUNIX("/app.sock", RecordingFactory())
    connect(memory_reactor, port.getHost()).transport.abortConnection()
    memory_reactor.resultOf(port.stopListening())
    program.stopListening()
    memory_reactor.advance(0)


def test_outlivesTor(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, tmp_path: Path
) -> None:
    """
    When tor has died, the next one serves the same onion, which leads to the same program.
    """
    program = memory_reactor.listenUNIX("/app.sock", RecordingFactory())
    options = ListenOptions(7777, key=str(tmp_path / "key"))
    port = memory_reactor.resultOf(publish(memory_reactor, "unix:/app.sock", options))
    address = port.getHost()
    fake_network.tors[0].die()
    memory_reactor.advance(60)
    connect(memory_reactor, address).transport.abortConnection()
    assert len(fake_network.tors) > 1
    memory_reactor.resultOf(port.stopListening())
    program.stopListening()
    memory_reactor.advance(0)
    again = memory_reactor.resultOf(publish(memory_reactor, "unix:/app.sock", options))
    assert again.getHost() == address
    memory_reactor.resultOf(again.stopListening())


def test_reachable(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    With wait=reachable, the onion has been dialled when it is told; the program hears nothing of
    it, but that it was looked for at the start.
    """
    factory = RecordingFactory()
    program = memory_reactor.listenUNIX("/app.sock", factory)
    options = ListenOptions(7777, wait=Wait.REACHABLE)
    port = memory_reactor.resultOf(publish(memory_reactor, "unix:/app.sock", options))
    memory_reactor.advance(0)
    assert len(factory.protocols) == 1
    assert factory.protocols[0].lost is not None
    memory_reactor.resultOf(port.stopListening())
    program.stopListening()
    memory_reactor.advance(0)


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("", "unix:/path or tcp:127.0.0.1:PORT is expected"),
        ("/run/app.sock", "unix:/path or tcp:127.0.0.1:PORT is expected"),
        ("8080", "unix:/path or tcp:127.0.0.1:PORT is expected"),
        ("unix:", "unix:/path or tcp:127.0.0.1:PORT is expected"),
        ("tcp:8080", "unix:/path or tcp:127.0.0.1:PORT is expected"),
        ("tcp:127.0.0.1:70000", "a port is at most 65535"),
        ("tcp:127.0.0.1:0", "the port is missing"),
        ("tcp:localhost:80", "names are not looked up: write 127.0.0.1"),
        ("tcp:0.0.0.0:80", "can be reached from outside of this machine"),
        ("tcp:192.168.1.2:80", "can be reached from outside of this machine"),
        ("tcp:[::]:80", "can be reached from outside of this machine"),
        ("unix:/with space", "tor takes only short paths of plain letters"),
        ("unix:/" + "x" * 200, "has at most 10[37] bytes"),
        ("unix:/a\nb", "only printable characters"),
    ],
)
def test_wrongTarget(target: str, problem: str) -> None:
    """
    What is no place on this machine, or none that tor could be told of, is refused.
    """
    with pytest.raises(ValueError, match=problem):
        parseTarget(target)
    with pytest.raises(ValueError, match=problem):
        publish(MemoryReactor(), target, ListenOptions(1))


@pytest.mark.parametrize(
    ("target", "ofTor"),
    [
        ("unix:/run/app.sock", "unix:/run/app.sock"),
        ("tcp:127.0.0.1:80", "127.0.0.1:80"),
        ("tcp:[::1]:80", "[::1]:80"),
        ("tcp:[0:0:0:0:0:0:0:1]:80", "[::1]:80"),
    ],
)
def test_target(target: str, ofTor: str) -> None:
    """
    A target is told to tor as it expects it.
    """
    assert parseTarget(target).ofTor == ofTor


@pytest.mark.parametrize(
    "options",
    [
        {"circuits": True},
        {"maxConnections": 3},
        {"target": 80, "tor": TorOptions(control=9051)},
        {"frontend": LABEL},
        {"attach": OnionAddress(LABEL, 1), "tor": TorOptions(control=9051)},
    ],
)
def test_notOurListener(options: dict[str, Any]) -> None:
    """
    Options of a listener of ours are refused, since there is none.
    """
    name = next(iter(options))
    with pytest.raises(ValueError, match=f"{name} has no use"):
        publish(MemoryReactor(), "unix:/app.sock", ListenOptions(1, **options))


def test_admission(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, tmp_path: Path
) -> None:
    """
    Who may come in is for the onion's options to say.
    """
    clients = tmp_path / "clients"
    clients.touch(0o600)
    options = ListenOptions(7777, admission=Admission(clients=str(clients)))
    program = memory_reactor.listenUNIX("/app.sock", RecordingFactory())
    port = memory_reactor.resultOf(publish(memory_reactor, "unix:/app.sock", options))
    with pytest.raises(DialError, match="lets in only those"):
        connect(memory_reactor, port.getHost())
    memory_reactor.resultOf(port.stopListening())
    program.stopListening()
    memory_reactor.advance(0)
