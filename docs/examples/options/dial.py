"""Connect some times by one endpoint, and tell for which of the connections there is an echo."""

import sys

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString, connectProtocol
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Protocol
from twisted.internet.task import react
from twisted.python.log import startLogging


class Caller(Protocol):
    def connectionMade(self) -> None:
        self.answer = Deferred()
        self.transport.write(b"hello")

    def dataReceived(self, data: bytes) -> None:
        self.settle("an echo")

    def connectionLost(self, reason) -> None:
        self.settle("the end")

    def settle(self, outcome) -> None:
        if not self.answer.called:
            self.answer.callback(outcome)


async def main(reactor):
    startLogging(sys.stdout, setStdout=False)
    endpoint = clientFromString(reactor, sys.argv[1])
    for number in range(1, 1 + int(sys.argv[2])):
        try:
            caller = await connectProtocol(endpoint, Caller())
            outcome = await caller.answer
        except ConnectError as error:
            outcome = f"{type(error).__name__}: {error}"
        print(f"connection {number}:", outcome, flush=True)


react(main)
