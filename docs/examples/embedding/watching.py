"""Tells in words of its own how an onion fares: watching.py."""

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import react

from onionp2p import ListenOptions, OnionServerEndpoint, events


def tell(event):
    match event:
        case events.Progress(percent=percent, summary=summary):
            print(f"tor: {percent}% ({summary})", flush=True)
        case events.Published(address=address):
            print("others can find", address, flush=True)
        case events.Unreachable(cause=cause):
            print("nobody can reach us:", cause.value, flush=True)
        case events.Stopped():
            print("closed", flush=True)


async def main(reactor):
    endpoint = OnionServerEndpoint(reactor, ListenOptions(7777), observer=tell)
    port = await endpoint.listen(Factory.forProtocol(Protocol))
    reactor.addSystemEventTrigger("before", "shutdown", port.stopListening)
    await Deferred()  # until Ctrl-C


react(main)
