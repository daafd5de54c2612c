# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A libp2p node at one port of an onion, for all listeners there: each speaks a protocol of its own,
and a peer speaks all of them on one connection.

The first listener makes the onion, and the last one withdraws it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.logger import Logger
from twisted.python.failure import Failure

from onionp2p.address import OnionAddress
from onionp2p.events import Starting
from onionp2p.keys.identities import holdIdentity
from onionp2p.libp2p.connecting import ConnectionFactory
from onionp2p.libp2p.errors import NodeOptionsDiffer, ProtocolInUse, SeedUnknown
from onionp2p.libp2p.identity import Identity
from onionp2p.libp2p.identityfile import holdIdentityFile
from onionp2p.libp2p.limits import OF_LISTENERS
from onionp2p.listening.onion import listenAtOnion
from onionp2p.local.folders import expandHome
from onionp2p.options import ONION_IDENTITY, ListenOptions
from onionp2p.protocolname import checkProtocolName
from onionp2p.waiting.outcome import Outcome

if TYPE_CHECKING:
    from onionp2p.events import Event, EventObserver

__all__ = ["Node", "nodeFor"]

_SEED_LENGTH = 32


class Node(ConnectionFactory):
    """
    Takes the connections that come to the onion, for as long as a protocol is spoken.
    """

    _log = Logger()

    def __init__(self, reactor: Any, options: ListenOptions, kind: Hashable) -> None:
        """
        @param options: the onion; of those of all listeners only C{protocol} differs.
        @param kind: what L{nodeFor} finds it by.

        @raise CannotListenError: if the identity can't be had.
        """
        identity, self._giveBack = _holdIdentity(reactor, options)
        super().__init__(reactor, identity, {}, limits=OF_LISTENERS)
        self._reactor = reactor
        self._options = _ofAnyProtocol(options)
        self._peerID = identity.peerID
        self._kind = kind
        self._observers: dict[str, EventObserver | None] = {}
        self._isOpen = False
        self._listening: Deferred[None] | None = None
        self._port: Outcome[IListeningPort] = Outcome()
        _nodes[kind] = self

    def check(self, options: ListenOptions) -> None:
        """
        Refuse a listener that needs another node.

        @raise NodeOptionsDiffer: says in what.
        """
        ours, theirs = self._options, _ofAnyProtocol(options)
        names = [field.name for field in fields(ours)]
        differing = [name for name in names if getattr(ours, name) != getattr(theirs, name)]
        if differing:
            raise NodeOptionsDiffer(f"These differ: {', '.join(map(_nameOf, differing))}.")

    async def speak(
        self, name: str, factory: IProtocolFactory, observer: EventObserver | None
    ) -> IListeningPort:
        """
        Speak one more protocol; begin to listen, if it is the first.

        @param factory: builds what speaks it.
        @param observer: told of what happens to the onion.

        @return: the onion's port, once it is served or published, as the options say.

        @raise ProtocolInUse: if it is spoken already.
        @raise CannotListenError: if the onion can't be made; then it is spoken no more.
        """
        if checkProtocolName(name) in self.handlers:
            raise ProtocolInUse(f"It is {name}.")
        self.handlers[name] = factory
        self._observers[name] = observer
        try:
            if self._isOpen:
                factory.doStart()
            if self._listening is None:
                self._listening = self._listen()
            return await self._port.wait()
        except BaseException:
            await self.unspeak(name)
            raise

    async def unspeak(self, name: str) -> None:
        """
        Speak a protocol no more; what speaks it already may go on.  With the last one the onion is
        withdrawn.
        """
        factory = self.handlers.pop(name)
        del self._observers[name]
        if self._isOpen:
            factory.doStop()
        if not self.handlers:
            self._forget()
            await self._close()

    # What the onion's endpoint sees.

    def doStart(self) -> None:
        super().doStart()
        self._isOpen = True

    def doStop(self) -> None:
        self._isOpen = False
        super().doStop()

    def _listen(self) -> Deferred[None]:
        options = replace(self._options, protocol=None, identity=None, peerID=self._peerID)
        if options.attach is not None:
            attach = OnionAddress(options.attach.label, options.attach.port, self._peerID)
            options = replace(options, attach=attach)
        listening = listenAtOnion(self._reactor, options, self, self._observe)
        return listening.addCallbacks(self._port.succeed, self._failed)

    def _failed(self, failure: Failure) -> None:
        self._forget()
        self._port.fail(failure.value or CancelledError())

    def _observe(self, event: Event) -> None:
        if isinstance(event, Starting):
            self.onion = event.address
        for observer in filter(None, list(self._observers.values())):
            try:
                observer(event)
            except Exception:  # noqa: BLE001 - the application's, and the others are to hear too
                self._log.failure("an observer of events failed:")

    # The end.

    def _forget(self) -> None:
        """
        Who comes from now on gets another node.
        """
        if _nodes.get(self._kind) is self:
            del _nodes[self._kind]

    async def _close(self) -> None:
        assert self._listening is not None
        self._listening.cancel()  # which does nothing if it is done
        try:
            with suppress(Exception):  # who waited for the port has been told
                port = await self._port.wait()
                await maybeDeferred(port.stopListening)
        finally:
            self._giveBack()
        for connection in list(self.connections):
            connection.closeWhenUnused()


def nodeFor(reactor: Any, options: ListenOptions) -> Node:
    """
    Give the node for a listener: the one at this port of its onion, or a new one.  Whoever gets it
    has it speak a protocol.

    @raise NodeOptionsDiffer: if the listener needs another one.
    @raise CannotListenError: if the identity can't be had.
    """
    kind = _kindOf(reactor, options)
    node = _nodes.get(kind)
    if node is None:
        return Node(reactor, options, kind)
    node.check(options)
    return node


def _ofAnyProtocol(options: ListenOptions) -> ListenOptions:
    """
    Give what listeners of one node have in common.
    """
    return replace(options, protocol="/")  # and not None, which would leave identity= without use


def _kindOf(reactor: Any, options: ListenOptions) -> Hashable:
    if options.attach is not None:
        return reactor, options.attach
    if options.key is None:
        return object()
    return reactor, options.tor, os.path.abspath(expandHome(options.key)), options.port


_nodes: dict[Hashable, Node] = {}


def _holdIdentity(reactor: Any, options: ListenOptions) -> tuple[Identity, Callable[[], None]]:
    if options.identity != ONION_IDENTITY:
        return holdIdentityFile(options.identity)
    onion, giveBack = holdIdentity(reactor, options.tor, options.key)
    seed = onion.secretBytes()
    if len(seed) != _SEED_LENGTH:
        giveBack()
        raise SeedUnknown
    return Identity(seed), giveBack


def _nameOf(field: str) -> str:
    return "who may come in" if field == "admission" else f"{field.lower()}="
