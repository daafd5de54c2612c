"""
A program beside another one: publishes it, and gives it the way to a friend.
"""

import sys

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from onionp2p import DialOptions, ListenOptions, OnionAddress
from onionp2p.forwarding import Shut, Warm, publish, reach


def tell(event):
    if isinstance(event, Warm | Shut):
        print(event, flush=True)


async def main(reactor, friend=None):
    port = await publish(reactor, "unix:app.sock", ListenOptions(4001, key="app.key"))
    print("listening on", port.getHost(), flush=True)
    options = DialOptions(OnionAddress.fromString(friend) if friend else port.getHost())
    reaching = await reach(reactor, options, "unix:friend.sock", warm=60, observer=tell)
    try:
        await Deferred()  # until Ctrl-C
    finally:
        await reaching.stop()
        await port.stopListening()


react(main, sys.argv[1:])
