"""Counts the visits of each peer: greeter.py."""

from collections import Counter

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory
from twisted.internet.task import react
from twisted.protocols.basic import LineOnlyReceiver

visits = Counter()


class Greeter(LineOnlyReceiver):
    delimiter = b"\n"

    def lineReceived(self, line):
        peerID = self.transport.getPeer().peerID  # proven: nobody else can have it
        visits[peerID] += 1
        self.sendLine(b"hello %s, this is visit %d" % (line, visits[peerID]))


async def main(reactor):
    string = "onionp2p:listen:port=7777:key=greeter.key:protocol=/greeting/1.0:identity=greeter.id"
    port = await serverFromString(reactor, string).listen(Factory.forProtocol(Greeter))
    print("listening on", port.getHost(), flush=True)
    await Deferred()  # until Ctrl-C


react(main)
