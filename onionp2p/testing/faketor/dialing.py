# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What a fake tor does with a SOCKS request: find the onion, and join the two connections.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred, DeferredQueue, TimeoutError
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from onionp2p.quiet import quietFactory
from onionp2p.testing.faketor.faults import Action, Drop, Ignore, JoinFirstBytes, Refuse, Reply
from onionp2p.testing.faketor.outlet import Outlet
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

    from onionp2p.testing.faketor.publishing import Descriptor
    from onionp2p.testing.faketor.tor import FakeTor

__all__ = ["DialRecord", "SocksFactory", "SocksSession"]

_UNIX = "unix:"
# SOCKS replies (RFC 1928, section 6; proposal 304).
_UNREACHABLE, _REFUSED, _NOT_BOOTSTRAPPED = 0x01, 0x05, 0x06
_NO_DESCRIPTOR, _NO_INTRODUCTION, _NO_KEY, _WRONG_KEY, _BAD_ADDRESS = 0xF0, 0xF2, 0xF4, 0xF5, 0xF6


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
        self.outlet = self._tor.newOutlet(self.transport)
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
        self._tor.forgetOutlet(self.outlet)

    async def _serve(self) -> None:
        try:
            request = await self._request()
            record = DialRecord(self._tor, request.host, request.port, request.token)
            self._tor.network.dials.append(record)
            joined = isinstance(await self._at("CONNECT", request), JoinFirstBytes)
            await self._join(await self._connect(request), joined)
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

    async def _connect(self, request: SocksRequest) -> StreamEnd:
        """
        Reach the program behind an onion.

        @return: the connection to it.
        """
        tor = self._tor
        label = request.host.split(".")[-2]
        if not checkLabel(label):
            raise SocksRefused(failure(_BAD_ADDRESS))
        try:
            await tor.bootstrap.whenDone().addTimeout(tor.socksTimeout, tor.reactor)
        except TimeoutError:
            raise SocksRefused(failure(_NOT_BOOTSTRAPPED)) from None
        descriptor = tor.onions.lookUp(label)
        if descriptor is None:
            raise SocksRefused(failure(_NO_DESCRIPTOR))
        self._checkKey(descriptor)
        return await self._introduce(descriptor, request)

    def _checkKey(self, descriptor: Descriptor) -> None:
        service = descriptor.service
        ours = self._tor.clientKeys.publicKey(service.label)
        if service.clients and ours is None:
            raise SocksRefused(failure(_NO_KEY))
        if service.clients and ours not in service.clients:
            raise SocksRefused(failure(_WRONG_KEY))

    async def _introduce(self, descriptor: Descriptor, request: SocksRequest) -> StreamEnd:
        if not descriptor.service.served:
            raise SocksRefused(failure(_NO_INTRODUCTION))
        target = descriptor.service.targets.get(request.port, "")
        if not target:
            raise SocksRefused(failure(_REFUSED))
        action = await descriptor.tor.at(f"TARGET {request.host}:{request.port}")
        if isinstance(action, Refuse):
            raise SocksRefused(failure(action.code))
        if isinstance(action, Ignore):
            raise _Answered
        end = StreamEnd()
        try:
            # Targets of TCP are out of reach: a fake tor has UNIX sockets alone.
            path = target.removeprefix(_UNIX) if target.startswith(_UNIX) else "/dev/null"
            await UNIXClientEndpoint(self._tor.reactor, path).connect(quietFactory(end))
        except ConnectError:
            raise SocksRefused(failure(_UNREACHABLE)) from None
        end.partner = descriptor.tor
        return end

    async def _join(self, listener: StreamEnd, joined: bool) -> None:
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
        self._tor.carry(listener.partner, Stream(dialer, listener, greeting))


class SocksFactory(Factory):
    """
    Takes dialers' connections.
    """

    noisy = False

    def __init__(self, tor: FakeTor) -> None:
        self._tor = tor

    def buildProtocol(self, addr: IAddress | None) -> SocksSession:
        return SocksSession(self._tor)
