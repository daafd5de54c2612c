"""One onion with two ports: an echo, and the time of its host's clock, rounded to the hour."""

import time

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import react


class Echo(Protocol):
    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)


class Hour(Protocol):
    def connectionMade(self) -> None:
        self.transport.write(time.strftime("%H:00 UTC\n", time.gmtime()).encode())
        self.transport.loseConnection()


async def main(reactor):
    def listen(number, protocol):
        endpoint = serverFromString(reactor, f"onionp2p:listen:port={number}:key=two.key")
        return endpoint.listen(Factory.forProtocol(protocol))

    echo, hour = await gatherResults([listen(7, Echo), listen(13, Hour)])
    print("echo at", echo.getHost(), flush=True)
    print("hour at", hour.getHost(), flush=True)
    await Deferred()  # until Ctrl-C


react(main)
