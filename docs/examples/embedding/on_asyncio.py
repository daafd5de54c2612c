"""Serves an echo and asks it something, from a program that is asyncio's."""

import asyncio

from twisted.internet import asyncioreactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol


class Echo(Protocol):
    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)


class Caller(Protocol):
    def connectionMade(self) -> None:
        self.answer = Deferred()
        self.transport.write(b"hello")

    def dataReceived(self, data: bytes) -> None:
        self.answer.callback(data)


async def main():
    loop = asyncio.get_running_loop()
    asyncioreactor.install(loop)  # before anything imports the reactor
    from twisted.internet import reactor
    from twisted.internet.endpoints import clientFromString, connectProtocol, serverFromString

    import onionp2p

    reactor.startRunning(installSignalHandlers=False)
    server = serverFromString(reactor, "onionp2p:listen:port=7777")
    port = await server.listen(Factory.forProtocol(Echo)).asFuture(loop)
    client = clientFromString(reactor, f"onionp2p:dial:addr={port.getHost().hostname}:7777")
    caller = await connectProtocol(client, Caller()).asFuture(loop)
    async with asyncio.timeout(60):
        print("answer:", (await caller.answer.asFuture(loop)).decode())
    caller.transport.loseConnection()
    await port.stopListening().asFuture(loop)
    await onionp2p.shutdown(reactor).asFuture(loop)


asyncio.run(main())
