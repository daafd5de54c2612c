"""An echo that puts out whoever is rude, with all the connections that he has."""

from collections import Counter

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import react


class Polite(Protocol):
    def dataReceived(self, data: bytes) -> None:
        if b"damn" in data:
            self.transport.closeCircuit()  # onionp2p.interfaces.ICircuitTransport
        else:
            self.transport.write(data)

    def connectionLost(self, reason) -> None:
        self.factory.here[self.transport.getPeer().circuit] -= 1


class PoliteFactory(Factory):
    protocol = Polite

    def __init__(self):
        self.here = Counter()

    def buildProtocol(self, peer):
        if self.here[peer.circuit] == 2:  # as maxstreams=2, but the others live on
            return None
        self.here[peer.circuit] += 1
        return Factory.buildProtocol(self, peer)


async def main(reactor):
    endpoint = serverFromString(reactor, "onionp2p:listen:port=7777:circuits=yes")
    port = await endpoint.listen(PoliteFactory())
    print("listening on", port.getHost(), flush=True)
    await Deferred()  # until Ctrl-C


react(main)
