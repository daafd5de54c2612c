"""Echo what comes; say which peer it comes from, as far as peers are told apart."""

import sys

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import react
from twisted.python.log import startLogging


class Echo(Protocol):
    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)


class Echoes(Factory):
    protocol = Echo

    def __init__(self):
        self.circuits = []

    def buildProtocol(self, peer):
        if peer.circuit not in self.circuits:
            self.circuits.append(peer.circuit)
        print(f"here comes peer {self.circuits.index(peer.circuit) + 1}", flush=True)
        return Factory.buildProtocol(self, peer)


async def main(reactor):
    startLogging(sys.stdout, setStdout=False)
    port = await serverFromString(reactor, sys.argv[1]).listen(Echoes())
    print("ready:", port.getHost(), flush=True)
    await Deferred()  # until Ctrl-C


react(main)
