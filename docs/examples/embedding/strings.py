"""A chat of everybody in the room; where the room is, its user says: strings.py ENDPOINT."""

import sys

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory
from twisted.internet.task import react
from twisted.protocols.basic import LineReceiver


class Guest(LineReceiver):
    def connectionMade(self) -> None:
        self.factory.guests.append(self)

    def connectionLost(self, reason) -> None:
        self.factory.guests.remove(self)

    def lineReceived(self, line: bytes) -> None:
        for guest in self.factory.guests:
            guest.sendLine(line)


async def main(reactor, string):
    room = Factory.forProtocol(Guest)
    room.guests = []
    port = await serverFromString(reactor, string).listen(room)
    print("open at", port.getHost(), flush=True)
    await Deferred()  # until Ctrl-C


react(main, sys.argv[1:])
