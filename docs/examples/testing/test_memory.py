import pytest
from twisted.internet.endpoints import clientFromString, serverFromString

from onionp2p.errors import DialTimeout
from onionp2p.testing import RecordingFactory
from onionp2p.testing.faketor import Refuse


def test_echo(memory_reactor, fake_network):
    endpoint = serverFromString(memory_reactor, "onionp2p:listen:port=7777")
    port = memory_reactor.resultOf(endpoint.listen(RecordingFactory(echoes=True)))
    dialer = clientFromString(memory_reactor, f"onionp2p:dial:addr={port.getHost().hostname}:7777")
    caller = memory_reactor.resultOf(dialer.connect(RecordingFactory()))
    caller.transport.write(b"hello")
    memory_reactor.advance(0)
    assert caller.received == b"hello"


def test_lostDescriptor(memory_reactor, fake_network):
    endpoint = serverFromString(memory_reactor, "onionp2p:listen:port=7777")
    port = memory_reactor.resultOf(endpoint.listen(RecordingFactory()))
    fake_network.on("SOCKS CONNECT", Refuse(0xF0))  # "descriptor not found", from now on
    dialer = clientFromString(memory_reactor, f"onionp2p:dial:addr={port.getHost().hostname}:7777")
    with pytest.raises(DialTimeout, match="Nobody is at this onion address"):
        memory_reactor.resultOf(dialer.connect(RecordingFactory()))
    assert memory_reactor.seconds() >= 120  # no second of which was waited


def test_outage(memory_reactor, fake_network):
    endpoint = serverFromString(memory_reactor, "onionp2p:listen:port=7777")
    port = memory_reactor.resultOf(endpoint.listen(RecordingFactory()))
    dialer = clientFromString(memory_reactor, f"onionp2p:dial:addr={port.getHost().hostname}:7777")
    fake_network.goDown()  # no dial, no descriptor, no byte gets through
    dialling = dialer.connect(RecordingFactory())
    memory_reactor.advance(15)
    assert not dialling.called
    fake_network.comeBack()
    assert memory_reactor.resultOf(dialling)
