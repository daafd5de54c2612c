"""A server that knows nothing of Tor: it says everything again, louder."""

import sys

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import react


class Shout(Protocol):
    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data.upper())


async def main(reactor, string):
    port = await serverFromString(reactor, string).listen(Factory.forProtocol(Shout))
    print("listening on", port.getHost(), flush=True)
    await Deferred()  # until Ctrl-C


react(main, sys.argv[1:])
