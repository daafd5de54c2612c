# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A libp2p peer of ours, that is told what to measure.

It prints its address, {"address": "/ip4/127.0.0.1/tcp/…/p2p/…"}; then, for each line of standard
input, [what, address, amount], how many seconds of the clock one took: "connects", of so many, one
after the other; "trips", of so many messages of 32 bytes there and back on one stream; "upload", of
so many bytes, for a GiB.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from onionp2p.libp2p import Connection, ConnectionFactory, Identity, dial
from onionp2p.ping import EchoResponderFactory

__all__ = ["main"]

_ECHO = "/measure/echo/1.0.0"
_SINK = "/measure/sink/1.0.0"
_BLOCK = bytes(65536)
_GIBIBYTE = 2**30
_MESSAGE = 32


@implementer(IHalfCloseableProtocol)
class _Sink(Protocol):
    """
    Takes all, and says when it was all.
    """

    transport: Any

    def readConnectionLost(self) -> None:
        self.transport.write(b"!")
        self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """
        It goes with the stream.
        """


class _Trips(Protocol):
    """
    Sends a message when the last one is back.
    """

    transport: Any

    def __init__(self) -> None:
        self._left = 0
        self._missing = 0

    def run(self, count: int) -> Deferred[None]:
        """
        Do it so many times.
        """
        self._left, self._over = count, Deferred[None]()
        self._send()
        return self._over

    def _send(self) -> None:
        self._left -= 1
        self._missing = _MESSAGE
        self.transport.write(_BLOCK[:_MESSAGE])

    def dataReceived(self, data: bytes) -> None:
        self._missing -= len(data)
        if self._missing:
            return
        if self._left:
            self._send()
        else:
            self._over.callback(None)


@implementer(IPushProducer, IHalfCloseableProtocol)
class _Upload(Protocol):
    """
    Sends as much as is taken, and waits until all has come.
    """

    transport: Any

    def run(self, size: int) -> Deferred[None]:
        """
        Send so many bytes.
        """
        self._left, self._over = size, Deferred[None]()
        self.transport.registerProducer(self, True)
        self.resumeProducing()
        return self._over

    def resumeProducing(self) -> None:
        self._goesOn = True
        while self._goesOn and self._left > 0:
            self._left -= len(_BLOCK)
            self.transport.write(_BLOCK)
        if self._left <= 0:
            self._goesOn = False
            self.transport.unregisterProducer()
            self.transport.loseWriteConnection()

    def pauseProducing(self) -> None:
        self._goesOn = False

    def stopProducing(self) -> None:
        self._goesOn = False

    def readConnectionLost(self) -> None:
        self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """
        We have said so.
        """

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._over.callback(None)


class _Peer:
    """
    Measures.
    """

    def __init__(self) -> None:
        self._identity = Identity.generate()

    async def listen(self) -> str:
        """
        Be there for others, and give the address.
        """
        handlers = {_ECHO: EchoResponderFactory(), _SINK: Factory.forProtocol(_Sink)}
        factory = ConnectionFactory(reactor, self._identity, handlers)
        port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
        return f"/ip4/127.0.0.1/tcp/{port.getHost().port}/p2p/{self._identity.peerID}"

    async def connects(self, address: str, count: int) -> float:
        """
        Connect and part so many times.
        """

        async def connects() -> None:
            for _ in range(count):
                await (await self._dial(address)).close()

        return await _seconds(connects) / count

    async def trips(self, address: str, count: int) -> float:
        """
        Send messages there and back.
        """
        connection = await self._dial(address)
        stream: Any = await connection.openStream(_ECHO, Factory.forProtocol(_Trips))
        await stream.run(1)
        seconds = await _seconds(lambda: stream.run(count))
        await connection.close()
        return seconds / count

    async def upload(self, address: str, size: int) -> float:
        """
        Send much.
        """
        connection = await self._dial(address)
        stream: Any = await connection.openStream(_SINK, Factory.forProtocol(_Upload))
        seconds = await _seconds(lambda: stream.run(size))
        await connection.close()
        return seconds * _GIBIBYTE / size

    async def _dial(self, address: str) -> Connection:
        _, _, host, _, port, _, peerID = address.split("/")
        endpoint = TCP4ClientEndpoint(reactor, host, int(port))
        return await dial(reactor, endpoint, self._identity, peerID=peerID)


async def _seconds(work: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


class _Lines(LineOnlyReceiver):
    """
    What standard input tells.
    """

    delimiter = b"\n"
    transport: Any

    def __init__(self, peer: _Peer) -> None:
        self._peer = peer

    def connectionMade(self) -> None:
        Deferred.fromCoroutine(self._listen())

    def lineReceived(self, line: bytes) -> None:
        what, address, amount = json.loads(line)
        Deferred.fromCoroutine(self._measure(getattr(self._peer, what), address, amount))

    async def _listen(self) -> None:
        self._print({"address": await self._peer.listen()})

    async def _measure(self, measure: Any, address: str, amount: int) -> None:
        self._print(await measure(address, amount))

    def _print(self, result: object) -> None:
        self.transport.write(json.dumps(result).encode() + b"\n")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        untyped: Any = reactor
        untyped.stop()


def main() -> None:
    """
    Do as we are told, until standard input ends.
    """
    StandardIO(_Lines(_Peer()))
    untyped: Any = reactor
    untyped.run()


if __name__ == "__main__":
    main()
