# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What a fake tor does with a SOCKS request: have the onion found, and join the two connections.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred, DeferredQueue, TimeoutError
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from onionp2p.testing.faketor.circuits import Circuit
from onionp2p.testing.faketor.faults import Action, Drop, Ignore, JoinFirstBytes, Refuse, Reply
from onionp2p.testing.faketor.outlet import Outlet
from onionp2p.testing.faketor.rendezvous import meet
from onionp2p.testing.faketor.services import checkLabel
from onionp2p.testing.faketor.socks import (
    SocksRefused,
    SocksRequest,
    SocksServer,
    failure,
    success,
)
from onionp2p.testing.faketor.streams import Stream, StreamEnd

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress

    from onionp2p.testing.faketor.tor import FakeTor

__all__ = ["DialRecord", "SocksFactory", "SocksSession"]

# SOCKS replies (RFC 1928, section 6; proposal 304).
_NOT_BOOTSTRAPPED, _BAD_ADDRESS = 0x06, 0xF6


@dataclass(frozen=True)
class DialRecord:
    """
    A request to connect, as a tor received it.

    @ivar tor: the tor.
    @ivar host: the name asked for.
    @ivar port: the port there.
    @ivar token: the SOCKS user and password; requests with different ones share no circuit.
    """

    tor: FakeTor
    host: str
    port: int
    token: bytes


class _Answered(Exception):
    """
    The test's rules have given the answer.
    """


class SocksSession(Protocol):
    """
    One client's connection, until it is joined to another.
    """

    outlet: Outlet
    transport: Any = None

    def __init__(self, tor: FakeTor) -> None:
        self._tor = tor
        self._received: DeferredQueue[bytes] = DeferredQueue()
        self._socks = SocksServer()
        self._talk: Deferred[None] | None = None

    def connectionMade(self) -> None:
        self.outlet = self._tor.outlets.new(self.transport)
        self._tor.dialers.append(self)
        self._talk = Deferred.fromCoroutine(self._serve())
        self._talk.addErrback(lambda failure: failure.trap(CancelledError) and None)

    def dataReceived(self, data: bytes) -> None:
        self._received.put(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._forget()
        if self._talk is not None:
            self._talk.cancel()

    def _forget(self) -> None:
        self._tor.dialers.remove(self)
        self._tor.outlets.forget(self.outlet)

    async def _serve(self) -> None:
        try:
            request = await self._request()
            record = DialRecord(self._tor, request.host, request.port, request.token)
            self._tor.network.dials.append(record)
            joined = isinstance(await self._at("CONNECT", request), JoinFirstBytes)
            await self._join(request, *await self._connect(request), joined=joined)
        except _Answered:
            pass
        except SocksRefused as refused:
            self.outlet.write(refused.reply)
            self.outlet.finish()

    async def _request(self) -> SocksRequest:
        while True:
            reply, request = self._socks.receive(await self._received.get())
            for step in self._socks.passed:
                await self._at(step)
            self.outlet.write(reply)
            if request is not None:
                return request

    async def _at(self, step: str, request: SocksRequest | None = None) -> Action | None:
        """
        Let the test's rules act.

        @raise _Answered: if they have answered, or will not.
        """
        whom = "" if request is None else f" {request.host}:{request.port}"
        action = await self._tor.at(f"SOCKS {step}{whom}")
        if isinstance(action, Refuse):
            raise SocksRefused(failure(action.code))
        if isinstance(action, Reply):
            self.outlet.write(action.data)
            if action.closes:
                self.outlet.finish()
        if isinstance(action, Drop):
            self.transport.abortConnection()
        if isinstance(action, Reply | Drop | Ignore):
            raise _Answered
        return action

    async def _connect(self, request: SocksRequest) -> tuple[Circuit, StreamEnd]:
        """
        Reach the program behind an onion.

        @return: the circuit to it, and the connection from there.
        """
        tor = self._tor
        label = request.host.split(".")[-2]
        if not checkLabel(label):
            raise SocksRefused(failure(_BAD_ADDRESS))
        try:
            await tor.bootstrap.whenDone().addTimeout(tor.socksTimeout, tor.reactor)
        except TimeoutError:
            raise SocksRefused(failure(_NOT_BOOTSTRAPPED)) from None
        await tor.network.whenUp()
        circuit = await meet(tor, label, request.token)
        return circuit, await circuit.open(request.host, request.port)

    async def _join(
        self, request: SocksRequest, circuit: Circuit, listener: StreamEnd, *, joined: bool
    ) -> None:
        greeting = success() if joined else b""
        try:
            if not joined:
                self.outlet.write(success())
                await self.outlet.whenEmpty()
        except BaseException:
            listener.transport.abortConnection()
            raise
        self._forget()
        dialer = StreamEnd()
        self.transport.protocol = dialer
        dialer.transport = self.transport
        dialer.early = [self._socks.rest] if self._socks.rest else []
        while self._received.pending:
            dialer.early.append(self._received.pending.pop(0))
        circuit.carry(Stream(f"{request.host}:{request.port}", dialer, listener, greeting))


class SocksFactory(Factory):
    """
    Takes dialers' connections.
    """

    noisy = False

    def __init__(self, tor: FakeTor) -> None:
        self._tor = tor

    def buildProtocol(self, addr: IAddress | None) -> SocksSession:
        return SocksSession(self._tor)
