# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The connection that some dials share: those that share circuits, to one peer, with one identity.

It is made when one of them needs it, and again after it was lost.  Who gives up while it is being
made leaves it to the others; the last one ends the attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from zope.interface import implementer

from onionp2p.address import OnionAddress
from onionp2p.dialing.connect import Dial
from onionp2p.dialing.isolation import Isolation
from onionp2p.errors import DialTimeout
from onionp2p.libp2p.connecting import dial
from onionp2p.libp2p.connection import Connection
from onionp2p.libp2p.identity import Identity
from onionp2p.libp2p.identityfile import holdIdentityFile
from onionp2p.libp2p.limits import Limits
from onionp2p.options import DialOptions
from onionp2p.waiting.cancelling import cancellable
from onionp2p.waiting.outcome import Outcome

if TYPE_CHECKING:
    from onionp2p.events import EventObserver

__all__ = ["SharedConnection"]

_SECONDS_IDLE = 30.0


@implementer(IStreamClientEndpoint)
class _Onion:
    """
    The onion, without libp2p.
    """

    def __init__(
        self,
        reactor: Any,
        options: DialOptions,
        isolation: Isolation,
        observer: EventObserver | None,
    ) -> None:
        self._reactor = reactor
        self._options = options
        self._isolation = isolation
        self._observer = observer

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        return Dial(
            self._reactor, self._options, self._isolation, protocolFactory, self._observer
        ).start()


class _Attempt:
    """
    A connection that is being made.

    @ivar outcome: the connection.
    @ivar waiting: how many wait for it.
    """

    def __init__(self) -> None:
        self.outcome: Outcome[Connection] = Outcome()
        self.waiting = 0
        self.dialling: Deferred[None]


class SharedConnection:
    """
    Has at most one connection at a time on which streams are opened.

    A fresh identity is the same for all of its connections.
    """

    def __init__(
        self,
        reactor: Any,
        options: DialOptions,
        isolation: Isolation,
        observer: EventObserver | None = None,
        idle: float = _SECONDS_IDLE,
    ) -> None:
        """
        @param options: whom to dial, how, and as whom.
        @param isolation: whose circuits to use.
        @param observer: told of the dials.
        @param idle: seconds without a stream after which the connection is closed.
        """
        address = options.address
        self._reactor = reactor
        self._options = replace(options, address=OnionAddress(address.label, address.port))
        self._peerID = address.peerID
        self._isolation = isolation
        self._observer = observer
        self._limits = Limits(idle=idle)
        self._ofItsOwn = Identity.generate() if options.identity is None else None
        self._connection: Connection | None = None
        self._attempt: _Attempt | None = None

    @classmethod
    def ofLabel(
        cls,
        reactor: Any,
        options: DialOptions,
        isolation: Isolation,
        observer: EventObserver | None,
    ) -> SharedConnection:
        """
        Give the one that all endpoints with one label (C{isolate=LABEL}) share, whatever they
        speak, for as long as any of them has it.
        """
        kind = (reactor, replace(options, protocol="/", timeout=DialOptions.timeout))
        shared = _ofLabels.get(kind)
        if shared is None:
            shared = _ofLabels[kind] = cls(reactor, options, isolation, observer)
        return shared

    async def get(self, seconds: float) -> tuple[Connection, bool]:
        """
        Give a connection on which streams can be opened; make one, if there is none.

        @param seconds: how long it may take to reach the onion, if nobody tries already.

        @return: also, whether it was made for this call.
        """
        while self._connection is None:
            attempt, isOurs = self._attempt, False
            if attempt is None:
                attempt, isOurs = self._begin(seconds), True
            try:
                return await self._waitFor(attempt), isOurs
            except DialTimeout:
                if isOurs:
                    raise
                # It was the time of another, who had less of it.
        return self._connection, False

    async def _waitFor(self, attempt: _Attempt) -> Connection:
        attempt.waiting += 1
        try:
            return await attempt.outcome.wait()
        finally:
            attempt.waiting -= 1
            if not attempt.waiting and not attempt.outcome.known:
                self._settle(attempt)
                attempt.dialling.cancel()

    def leave(self, connection: Connection) -> None:
        """
        Open no more streams on a connection: it takes none, or does not answer.  Those that there
        are live on, and the last one closes it.
        """
        if connection is self._connection:
            self._connection = None
        connection.closeWhenUnused()

    def _begin(self, seconds: float) -> _Attempt:
        attempt = self._attempt = _Attempt()
        attempt.dialling = cancellable(self._run(attempt, seconds))
        return attempt

    async def _run(self, attempt: _Attempt, seconds: float) -> None:
        try:
            connection = await self._dial(seconds)
        except BaseException as error:  # noqa: BLE001 - whatever it is, who waits fails with it
            self._settle(attempt)
            attempt.outcome.fail(error)
        else:
            self._settle(attempt)
            attempt.outcome.succeed(connection)

    def _settle(self, attempt: _Attempt) -> None:
        """
        Who comes from now on needs another one.
        """
        if attempt is self._attempt:
            self._attempt = None

    async def _dial(self, seconds: float) -> Connection:
        identity, giveBack = self._holdIdentity()
        options = replace(self._options, timeout=seconds)
        onion = _Onion(self._reactor, options, self._isolation, self._observer)
        try:
            connection = await dial(
                self._reactor, onion, identity, peerID=self._peerID, limits=self._limits
            )
        except BaseException:
            giveBack()
            raise
        self._connection = connection
        connection.whenEnded().addCallback(lambda _: self._ended(connection, giveBack))
        return connection

    def _ended(self, connection: Connection, giveBack: Callable[[], None]) -> None:
        giveBack()
        self.leave(connection)

    def _holdIdentity(self) -> tuple[Identity, Callable[[], None]]:
        if self._ofItsOwn is not None:
            return self._ofItsOwn, _nothing
        assert self._options.identity is not None
        return holdIdentityFile(self._options.identity)


_ofLabels: WeakValueDictionary[Hashable, SharedConnection] = WeakValueDictionary()


def _nothing() -> None:
    """
    Nobody else has a fresh one.
    """
