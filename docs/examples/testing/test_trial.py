from twisted.internet import reactor
from twisted.internet.defer import inlineCallbacks
from twisted.internet.endpoints import clientFromString, serverFromString

from onionp2p.testing import RecordingFactory
from onionp2p.testing.trial import PrivateNetworkTestCase


class EchoTests(PrivateNetworkTestCase):
    @inlineCallbacks
    def test_echo(self):
        endpoint = serverFromString(reactor, "onionp2p:listen:port=7777")
        port = yield endpoint.listen(RecordingFactory(echoes=True))
        self.addCleanup(port.stopListening)
        dialer = clientFromString(reactor, f"onionp2p:dial:addr={port.getHost().hostname}:7777")
        caller = yield dialer.connect(RecordingFactory())
        self.addCleanup(caller.transport.loseConnection)
        caller.transport.write(b"hello")
        received = yield caller.receives(5)
        self.assertEqual(received, b"hello")
