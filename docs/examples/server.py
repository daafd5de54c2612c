"""Echoes what anybody in the world sends, without a hint at where it runs."""

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import react


class Echo(Protocol):
    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)


async def main(reactor):
    endpoint = serverFromString(reactor, "onionp2p:listen:port=7777:key=echo.key")
    port = await endpoint.listen(Factory.forProtocol(Echo))
    print("listening on", port.getHost(), flush=True)
    await Deferred()  # until Ctrl-C


react(main)
