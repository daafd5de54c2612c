# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The two endpoints as programs use them: by their strings, from the plugin, with Twisted's own
wrappers around them; with a tor in memory.
"""

from __future__ import annotations

from typing import Any

import pytest
from twisted.application.internet import ClientService, StreamServerEndpointService
from twisted.internet.defer import gatherResults
from twisted.internet.endpoints import clientFromString, connectProtocol, serverFromString
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import (
    IStreamClientEndpoint,
    IStreamServerEndpoint,
    ITCPTransport,
)
from twisted.internet.task import Clock
from zope.interface.verify import verifyObject

from onionp2p import OnionAddress
from onionp2p.keys import Identity
from onionp2p.testing import FakeNetwork, MemoryReactor, RecordingFactory, RecordingProtocol

NOBODY = Identity(bytes(32)).label


def listen(reactor: MemoryReactor, factory: RecordingFactory, string: str | bytes) -> Any:
    """
    Listen at a string, and give the port.
    """
    endpoint = serverFromString(reactor, string)
    return reactor.resultOf(endpoint.listen(factory))


def dial(reactor: MemoryReactor, factory: RecordingFactory, string: str | bytes) -> Any:
    """
    Dial a string, and give the protocol.
    """
    endpoint = clientFromString(reactor, string)
    return reactor.resultOf(endpoint.connect(factory))


def test_parsingDoesNothing(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A string gives an endpoint, and nothing is opened or launched.
    """
    server = serverFromString(memory_reactor, "onionp2p:listen:port=7777")
    client = clientFromString(memory_reactor, f"onionp2p:dial:addr={NOBODY}.onion:7777")
    verifyObject(IStreamServerEndpoint, server)
    verifyObject(IStreamClientEndpoint, client)
    memory_reactor.advance(10)
    assert (fake_network.tors, memory_reactor.leftovers()) == ([], [])


@pytest.mark.parametrize(
    "spelling",
    [
        "addr={label}.onion:7777",
        "addr={label}.onion\\:7777",
        "addr={label}.onion:port=7777",
        "addr=/onion3/{label}:7777",
        "addr=/onion3/{label}\\:7777",
        "addr=/onion3/{label}:port=7777",
    ],
)
def test_spellings(memory_reactor: MemoryReactor, fake_network: FakeNetwork, spelling: str) -> None:
    """
    Every way to write an onion's address reaches it, as text and as bytes.
    """
    port = listen(memory_reactor, RecordingFactory(greeting=b"hello"), "onionp2p:listen:port=7777")
    string = "onionp2p:dial:" + spelling.format(label=port.getHost().label)
    for description in (string, string.encode("ascii")):
        dialer = dial(memory_reactor, RecordingFactory(), description)
        memory_reactor.advance(0)
        assert dialer.received == b"hello"


def test_bytes(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A listener's string may be bytes too.
    """
    port = listen(memory_reactor, RecordingFactory(), b"onionp2p:listen:port=9")
    assert port.getHost().port == 9


def test_manyAtOnce(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A hundred dials at once all succeed, on one tor, and each has its own connection.
    """
    server = RecordingFactory(echoes=True)
    port = listen(memory_reactor, server, "onionp2p:listen:port=7777")
    endpoint = clientFromString(
        memory_reactor, f"onionp2p:dial:addr={port.getHost().hostname}:7777"
    )
    client = RecordingFactory()
    memory_reactor.resultOf(gatherResults([endpoint.connect(client) for _ in range(100)]))
    for number, protocol in enumerate(client.protocols):
        protocol.transport.write(b"%d" % number)
    memory_reactor.advance(0)
    assert [protocol.received for protocol in client.protocols] == [b"%d" % n for n in range(100)]
    assert len(fake_network.tors) == 1


def test_virtualPorts(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A port that the onion does not serve is refused at once.
    """
    port = listen(memory_reactor, RecordingFactory(), "onionp2p:listen:port=7777")
    with pytest.raises(ConnectError, match="does not serve this port"):
        dial(
            memory_reactor,
            RecordingFactory(),
            f"onionp2p:dial:addr={port.getHost().hostname}:7778",
        )


def test_haproxy(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Twisted's haproxy wrapper goes around a listener, and tells the application of the address in
    the header.
    """
    server = RecordingFactory()
    port = listen(memory_reactor, server, "haproxy:onionp2p:listen:port=7777")
    onion = next(iter(fake_network.descriptors))
    dialer = dial(memory_reactor, RecordingFactory(), f"onionp2p:dial:addr={onion}.onion:7777")
    dialer.transport.write(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nhello")
    memory_reactor.advance(0)
    assert server.protocols[0].received == b"hello"
    assert server.protocols[0].transport.getPeer().host == "192.0.2.1"
    memory_reactor.resultOf(port.stopListening())


def test_serverService(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Twisted's service for server endpoints listens when it starts and stops when it stops.
    """
    endpoint = serverFromString(memory_reactor, "onionp2p:listen:port=7777")
    service: Any = StreamServerEndpointService(endpoint, RecordingFactory())
    service.startService()
    memory_reactor.advance(0)
    (onion,) = fake_network.descriptors
    dial(memory_reactor, RecordingFactory(), f"onionp2p:dial:addr={onion}.onion:7777")
    memory_reactor.resultOf(service.stopService())
    assert fake_network.tors[0].onions.services == {}


def test_clientService(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Twisted's reconnecting service dials again when a connection has ended.
    """
    server = RecordingFactory()
    port = listen(memory_reactor, server, "onionp2p:listen:port=7777")
    endpoint = clientFromString(
        memory_reactor, f"onionp2p:dial:addr={port.getHost().hostname}:7777"
    )
    clock: Clock = memory_reactor  # type: ignore[assignment]  # it has a Clock's methods
    service: Any = ClientService(endpoint, RecordingFactory(), clock=clock)
    service.startService()
    memory_reactor.advance(0)
    server.protocols[0].transport.loseConnection()
    memory_reactor.advance(10)
    assert len(server.protocols) == 2
    memory_reactor.resultOf(service.stopService())


def test_addressesEverywhere(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Every address has a host and a port, which programs read unasked; none is of this machine.
    """
    server, client = RecordingFactory(), RecordingFactory()
    port = listen(memory_reactor, server, "onionp2p:listen:port=7777")
    host = port.getHost()
    dial(memory_reactor, client, f"onionp2p:dial:addr={host.hostname}:7777")
    memory_reactor.advance(0)
    transports = [server.protocols[0].transport, client.protocols[0].transport]
    found = [host, *server.addresses, *client.addresses]
    found += [address for t in transports for address in (t.getHost(), t.getPeer())]
    for address in found:
        assert address.host in {host.hostname, "anonymous.invalid"}
        assert address.port in {0, 7777}
    assert isinstance(host, OnionAddress)


def test_transport(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Both transports offer what programs expect of TCP.
    """
    server, client = RecordingFactory(), RecordingFactory()
    port = listen(memory_reactor, server, "onionp2p:listen:port=7777")
    dial(memory_reactor, client, f"onionp2p:dial:addr={port.getHost().hostname}:7777")
    memory_reactor.advance(0)
    for protocol in (server.protocols[0], client.protocols[0]):
        verifyObject(ITCPTransport, protocol.transport)


def test_connectProtocol(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Twisted's connectProtocol works with it.
    """
    port = listen(memory_reactor, RecordingFactory(), "onionp2p:listen:port=7777")
    endpoint = clientFromString(
        memory_reactor, f"onionp2p:dial:addr={port.getHost().hostname}:7777"
    )
    protocol = RecordingProtocol(RecordingFactory())
    assert memory_reactor.resultOf(connectProtocol(endpoint, protocol)) is protocol
