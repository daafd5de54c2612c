# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Listening for a protocol (C{onionp2p:listen:…:protocol=NAME}): from C{listen()} to the port, and
back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocolFactory
from zope.interface import implementer

from onionp2p.libp2p.node import Node, nodeFor
from onionp2p.options import ListenOptions
from onionp2p.waiting.cancelling import cancellable
from onionp2p.waiting.outcome import Outcome
from onionp2p.waiting.running import whenRunning

if TYPE_CHECKING:
    from onionp2p.events import EventObserver

__all__ = ["StreamListen", "StreamPort"]


@implementer(IListeningPort)
class StreamPort:
    """
    A protocol that is spoken at an onion.
    """

    def __init__(self, node: Node, name: str, address: IAddress) -> None:
        """
        @param node: speaks it.
        @param name: the protocol's.
        @param address: the onion's, with the node's peer id.
        """
        self._node = node
        self._name = name
        self._address = address
        self._stopped: Outcome[None] | None = None

    def __repr__(self) -> str:
        return f"<StreamPort {self._name} at {self._address}>"

    def startListening(self) -> None:
        """
        Do nothing: it listens from the beginning.
        """

    def stopListening(self) -> Deferred[None]:
        """
        Speak the protocol no more.  Streams that there are live on.

        @return: fires once no peer can open a stream for it; and if no other listener has the
            onion, once that is withdrawn.
        """
        if self._stopped is None:
            self._stopped = Outcome()
            stopping = Deferred.fromCoroutine(self._node.unspeak(self._name))
            stopping.addCallbacks(self._stopped.succeed, lambda why: self._stopped.fail(why.value))
        return self._stopped.wait()

    def getHost(self) -> IAddress:
        """
        Give the address that others dial: an L{onionp2p.address.OnionAddress} with a peer id.
        """
        return self._address


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
        return StreamPort(node, name, port.getHost())
