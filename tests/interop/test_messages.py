# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Twisted's remote objects and messages: AMP, Perspective Broker, SMTP; and Autobahn's WebSockets.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from autobahn.twisted.websocket import (
    WebSocketClientFactory,
    WebSocketClientProtocol,
    WebSocketServerFactory,
    WebSocketServerProtocol,
)
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.endpoints import connectProtocol
from twisted.internet.protocol import Factory, connectionDone
from twisted.mail.interfaces import IMessageDelivery
from twisted.mail.smtp import (
    ESMTP,
    IMessage,
    SMTPBadRcpt,
    SMTPDeliveryError,
    SMTPSender,
    SMTPSenderFactory,
)
from twisted.protocols.amp import AMP, Command, Integer
from twisted.python.failure import Failure
from twisted.spread import pb
from zope.interface import implementer

from tests.interop.onions import endpointTo

Serve = Callable[..., Any]


class Sum(Command):
    """
    Adds two numbers.
    """

    arguments = [(b"a", Integer()), (b"b", Integer())]  # noqa: RUF012 - AMP's own form
    response = [(b"total", Integer())]  # noqa: RUF012
    errors = {OverflowError: b"OVERFLOW"}  # noqa: RUF012


class Adder(AMP):
    """
    Answers L{Sum}.
    """

    @Sum.responder
    def sum(self, a: int, b: int) -> dict[str, int]:
        """
        Add.
        """
        if a + b > 1000:
            raise OverflowError("too much")
        return {"total": a + b}


@pytest.mark.interop("AMP")
async def test_amp(serve: Serve) -> None:
    """
    AMP's commands are answered, fifty at once and each its own way, and errors come as such.
    """
    address = await serve("onionp2p:listen:port=7000", Factory.forProtocol(Adder))
    amp: Any = await connectProtocol(endpointTo(address), AMP())
    asked = [amp.callRemote(Sum, a=number, b=1) for number in range(50)]
    assert [(await each)["total"] for each in asked] == list(range(1, 51))
    with pytest.raises(OverflowError):
        await amp.callRemote(Sum, a=1000, b=1)
    amp.transport.loseConnection()


class Greeter(pb.Root):
    """
    Calls back who calls.
    """

    async def _greet(self, guest: Any, name: str) -> str:
        answer: str = await guest.callRemote("greet", f"hello {name}")
        return answer.upper()

    def remote_greet(self, guest: Any, name: str) -> Deferred[str]:
        """
        Ask the caller's own object.
        """
        return Deferred.fromCoroutine(self._greet(guest, name))


class Guest(pb.Referenceable):
    """
    Is called back.
    """

    def remote_greet(self, words: str) -> str:
        """
        Answer.
        """
        return f"{words}, too"


@pytest.mark.interop("Perspective Broker")
async def test_pb(serve: Serve) -> None:
    """
    Objects at both ends of an onion call each other.
    """
    address = await serve("onionp2p:listen:port=8787", pb.PBServerFactory(Greeter()))
    factory = pb.PBClientFactory()
    await endpointTo(address).connect(factory)
    root = await factory.getRootObject()
    assert await root.callRemote("greet", Guest(), "alice") == "HELLO ALICE, TOO"
    factory.disconnect()


@implementer(IMessage)
class Letter:
    """
    A letter that comes in.
    """

    def __init__(self, box: list[bytes]) -> None:
        self._box = box
        self._lines: list[bytes] = []

    def lineReceived(self, line: bytes) -> None:
        self._lines.append(line)

    def eomReceived(self) -> Deferred[None]:
        self._box.append(b"\n".join(self._lines))
        return succeed(None)

    def connectionLost(self) -> None:
        """
        Drop it.
        """


@implementer(IMessageDelivery)
class PostOffice:
    """
    Takes letters for alice.

    @ivar box: what has come.
    """

    def __init__(self) -> None:
        self.box: list[bytes] = []

    def receivedHeader(self, helo: object, origin: object, recipients: object) -> bytes:
        return b"Received: by an onion"

    def validateFrom(self, helo: object, origin: object) -> object:
        return origin

    def validateTo(self, user: Any) -> Callable[[], Letter]:
        if user.dest.local != b"alice":
            raise SMTPBadRcpt(user)
        return lambda: Letter(self.box)


@pytest.mark.slow
@pytest.mark.interop("SMTP")
async def test_smtp(serve: Serve) -> None:
    """
    A letter is delivered to whom it is for, and one for a stranger is refused.
    """
    office = PostOffice()

    ends: list[Deferred[None]] = []

    class Mail(ESMTP):
        def __init__(self) -> None:
            super().__init__()
            self.delivery = office
            self.host = b"mail.invalid"

        def connectionLost(self, reason: Failure = connectionDone) -> None:
            super().connectionLost(reason)
            ends[0].callback(None)

    class Courier(SMTPSender):
        def connectionLost(self, reason: Failure = connectionDone) -> None:
            super().connectionLost(reason)
            ends[1].callback(None)

    endpoint = endpointTo(await serve("onionp2p:listen:port=25", Factory.forProtocol(Mail)))

    async def send(recipient: str) -> int:
        sent: Deferred[tuple[int, object]] = Deferred()
        letter = io.BytesIO(b"Subject: hello\r\n\r\nHello from an onion.\r\n")
        sender = SMTPSenderFactory("bob@bob.invalid", recipient, letter, sent, timeout=30)
        sender.domain, sender.protocol = b"bob.invalid", Courier
        ends[:] = [Deferred(), Deferred()]
        await endpoint.connect(sender)
        try:
            return (await sent)[0]
        finally:
            await gatherResults(ends)

    assert await send("alice@mail.invalid") == 1
    assert b"Hello from an onion." in office.box[0]
    with pytest.raises(SMTPDeliveryError, match="550"):
        await send("carol@mail.invalid")


class Echo(WebSocketServerProtocol):
    """
    Sends back each message.
    """

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """
        Send it back.
        """
        self.sendMessage(payload, isBinary)


class Caller(WebSocketClientProtocol):
    """
    Sends a message of 100 kB, closes when it is back, and tells how that went.
    """

    message = bytes(100_000)

    def onOpen(self) -> None:
        """
        Send.
        """
        self.sendMessage(self.message, isBinary=True)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """
        Close.
        """
        self.factory.answer = payload
        self.sendClose(1000)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        """
        Tell.
        """
        self.factory.closed.callback((wasClean, code))


@pytest.mark.interop("Autobahn WebSocket")
async def test_webSocket(serve: Serve) -> None:
    """
    A WebSocket opens, carries a message each way, and closes with its handshake.
    """
    server = WebSocketServerFactory(reactor=reactor)
    server.protocol = Echo
    address = await serve("onionp2p:listen:port=80", server)
    client = WebSocketClientFactory(f"ws://{address.hostname}:80/", reactor=reactor)
    client.protocol, client.closed = Caller, Deferred()
    for factory in (server, client):  # a second, by default: a circuit can take longer
        factory.setProtocolOptions(closeHandshakeTimeout=15)
    await endpointTo(address).connect(client)
    assert await client.closed == (True, 1000)
    assert client.answer == Caller.message
