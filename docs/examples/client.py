"""Says one thing to an echo server behind an onion, and prints the answer: client.py ADDRESS."""

import sys

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.task import react


class Caller(Protocol):
    def __init__(self):
        self.answer = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.answer.callback(data)
        self.transport.loseConnection()


async def main(reactor):
    address = sys.argv[1].replace(":", r"\:")
    endpoint = clientFromString(reactor, f"onionp2p:dial:addr={address}")
    caller = await connectProtocol(endpoint, Caller())
    caller.transport.write(b"is anybody there?")
    print(await caller.answer)


react(main)
