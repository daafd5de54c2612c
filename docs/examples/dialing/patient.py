import sys

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.error import ConnectError, TimeoutError
from twisted.internet.protocol import Protocol
from twisted.internet.task import react

from onionp2p import DialOptions, OnionAddress, OnionClientEndpoint
from onionp2p.events import Progress, Retrying


def tell(event):
    if isinstance(event, Progress):
        print(f"tor is at {event.percent}%: {event.summary}")
    elif isinstance(event, Retrying):
        print(f"attempt {event.attempts} failed: {type(event.error).__name__}")


async def main(reactor, text, seconds):
    options = DialOptions(OnionAddress.fromString(text), timeout=float(seconds))
    endpoint = OnionClientEndpoint(reactor, options, tell)
    try:
        protocol = await connectProtocol(endpoint, Protocol())
    except (ConnectError, TimeoutError) as error:
        again = "worth another try" if error.retriable else "no use in another try"
        raise SystemExit(f"{error}\n{again}") from None
    print("connected")
    protocol.connectionLost = lambda reason: ended.callback(None)
    ended = Deferred()
    protocol.transport.loseConnection()
    await ended


react(lambda *args: Deferred.fromCoroutine(main(*args)), sys.argv[1:])
