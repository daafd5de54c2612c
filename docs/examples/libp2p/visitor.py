"""Greets a greeter, as the same peer each time: visitor.py ADDRESS."""

import sys

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString, connectProtocol
from twisted.internet.protocol import connectionDone
from twisted.internet.task import react
from twisted.protocols.basic import LineOnlyReceiver


class Visitor(LineOnlyReceiver):
    delimiter = b"\n"

    def __init__(self):
        self.answer = Deferred()

    def connectionMade(self):
        self.sendLine(b"from a visitor")

    def lineReceived(self, line):
        self.answer.callback(line.decode())
        self.transport.loseConnection()

    def connectionLost(self, reason=connectionDone):
        if not self.answer.called:
            self.answer.errback(reason)


async def main(reactor):
    address = sys.argv[1].replace(":", r"\:")
    string = f"onionp2p:dial:addr={address}:protocol=/greeting/1.0:identity=visitor.id"
    visitor = await connectProtocol(clientFromString(reactor, string), Visitor())
    print(await visitor.answer)


react(main)
