# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Listening for a protocol (C{onionp2p:listen:…:protocol=NAME}): from C{listen()} to the port, and
back.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort, IProtocolFactory

from onionp2p.address import OnionAddress
from onionp2p.libp2p.node import Node, nodeFor
from onionp2p.listening.listen import OnionPort
from onionp2p.options import ListenOptions
from onionp2p.waiting.cancelling import cancellable
from onionp2p.waiting.running import whenRunning

if TYPE_CHECKING:
    from onionp2p.events import EventObserver

__all__ = ["StreamListen", "StreamPort"]


class StreamPort(OnionPort):
    """
    A protocol that is spoken at an onion.  To stop it is to speak it no more; streams that there
    are live on; and if no other listener has the onion, that is withdrawn.
    """

    def __init__(self, node: Node, name: str, address: OnionAddress) -> None:
        """
        @param node: speaks it.
        @param name: the protocol's.
        @param address: the onion's, with the node's peer id.
        """
        held = AsyncExitStack()
        held.push_async_callback(node.unspeak, name)
        super().__init__(address, held)
        self._name = name

    def __repr__(self) -> str:
        return f"<StreamPort {self._name} at {self._address}>"


class StreamListen:
    """
    One C{listen()}.
    """

    def __init__(
        self,
        reactor: Any,
        options: ListenOptions,
        factory: IProtocolFactory,
        observer: EventObserver | None,
    ) -> None:
        """
        @param factory: builds the protocols, one for each stream.
        @param observer: told of what happens to the onion.
        """
        self._reactor = reactor
        self._options = options
        self._factory = factory
        self._observer = observer

    def start(self) -> Deferred[IListeningPort]:
        """
        Begin.

        @return: fires with the port; fails with a C{CannotListenError}, or a C{CancelledError} if
            it is cancelled.
        """
        return cancellable(self._run())

    async def _run(self) -> IListeningPort:
        name = self._options.protocol
        assert name is not None
        await whenRunning(self._reactor)
        node = nodeFor(self._reactor, self._options)
        port = await node.speak(name, self._factory, self._observer)
        address: Any = port.getHost()
        return StreamPort(node, name, address)
