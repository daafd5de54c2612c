"""Serves an echo to one friend, and is that friend: a listener and a dial, made in code."""

import tempfile

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import react

from onionp2p import DialOptions, ListenOptions, OnionClientEndpoint, OnionServerEndpoint, Wait


class Echo(Protocol):
    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)


class Friend(Protocol):
    def connectionMade(self) -> None:
        self.answer = Deferred()
        self.transport.write(b"hello")

    def dataReceived(self, data: bytes) -> None:
        self.answer.callback(data)


async def main(reactor):
    with tempfile.TemporaryDirectory() as folder:
        options = ListenOptions(7777, key=f"{folder}/echo.key", wait=Wait.PUBLISHED, timeout=60)
        port = await OnionServerEndpoint(reactor, options).listen(Factory.forProtocol(Echo))
        address = port.getHost()  # an OnionAddress: what DialOptions take
        endpoint = OnionClientEndpoint(reactor, DialOptions(address, isolate="dial", timeout=60))
        friend = await connectProtocol(endpoint, Friend())
        print("answer:", (await friend.answer).decode())
        friend.transport.loseConnection()
        await port.stopListening()


react(main)
