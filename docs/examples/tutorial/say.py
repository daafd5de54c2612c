"""A client that knows nothing of Tor: it says something, and prints the answer."""

import sys

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.task import react


class Say(Protocol):
    def connectionMade(self) -> None:
        self.answer = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.answer.callback(data.decode())


async def main(reactor, string, text):
    say = await connectProtocol(clientFromString(reactor, string), Say())
    say.transport.write(text.encode())
    print(await say.answer)


react(main, sys.argv[1:])
