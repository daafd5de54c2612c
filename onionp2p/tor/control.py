# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The control connection to a tor (control-spec).

The protocol is txtorcon's; what it leaves open is closed here: every command has a deadline, a
lost connection fails commands at once rather than never, and no error holds a command's text,
which may hold a key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IProtocol, IReactorTime

from onionp2p.errors import ControlLost, ControlTimeout
from onionp2p.tor.authentication import Proof
from onionp2p.tor.controlprotocol import ControlProtocol, ourOutcome
from onionp2p.waiting.outcome import Outcome

__all__ = ["EVENTS", "TorControl"]

SECONDS_TO_ANSWER = 30.0
EVENTS = ("STATUS_CLIENT", "HS_DESC")
_SECONDS_TO_CLOSE = 2.0

Observer = Callable[[str], None]


class TorControl:
    """
    An authenticated control connection.

    @ivar protocol: to be connected to tor's control socket.
    """

    def __init__(
        self, clock: IReactorTime, events: Sequence[str] = EVENTS, proof: Proof | None = None
    ) -> None:
        """
        @param events: what L{observe} can be asked for.
        @param proof: what tor lets us in by; L{None} for a tor of ours.
        """
        self._clock = clock
        self._proof = proof or Proof()
        self._made: Outcome[None] = Outcome()
        self._lost: Outcome[None] = Outcome()
        self._observers: dict[str, list[Observer]] = {name: [] for name in events}
        self._txtorcon = ControlProtocol(self._made, self._lost)

    @property
    def protocol(self) -> IProtocol:
        """
        What speaks the protocol.
        """
        return self._txtorcon

    @property
    def lost(self) -> bool:
        """
        Whether the connection has ended.
        """
        return self._lost.known

    def whenLost(self) -> Deferred[None]:
        """
        Give a Deferred that fires when the connection has ended; never fails.
        """
        return self._lost.wait()

    async def ready(self) -> None:
        """
        Have tor let us in, and tell its events.

        @raise ControlPortError: if it does not.
        @raise ControlLost: if the connection ends.
        @raise ControlTimeout: if it does not answer.
        """
        await self._made.wait()
        await self._proof.show(self.command)
        await self._bounded(ourOutcome(self._txtorcon.begin()))
        for name in self._observers:
            added = self._txtorcon.add_event_listener(name, self._tell(name))
            await self._bounded(ourOutcome(added))

    async def close(self) -> None:
        """
        End the connection.  Onions that it has made go with it.
        """
        if self.lost or not self._made.known:
            return
        self._txtorcon.transport.loseConnection()
        try:
            await self._lost.wait().addTimeout(_SECONDS_TO_CLOSE, self._clock)
        except TimeoutError:  # it takes nothing of what we have written
            self._txtorcon.transport.abortConnection()

    def _tell(self, name: str) -> Observer:
        def tell(text: str) -> None:
            for observer in list(self._observers[name]):
                observer(text)

        return tell

    def observe(self, event: str, observer: Observer) -> Callable[[], None]:
        """
        Have C{observer} told the text of every C{event} (control-spec, section 4.1).

        @param event: one of those that this was made with.

        @return: a callable that ends this.
        """
        observers = self._observers[event]
        observers.append(observer)
        return lambda: observers.remove(observer)

    async def command(self, text: str, timeout: float = SECONDS_TO_ANSWER) -> str:
        """
        Send a command.

        @param text: one line; may hold a key.
        @param timeout: how long to wait for the answer, in seconds.

        @return: tor's answer, without its code.

        @raise TorRefusedCommand: if tor's answer is an error.
        @raise ControlLost: if the connection has ended.
        @raise ControlTimeout: if there is no answer in time.
        """
        isLine = text.isascii() and text.isprintable()
        # Of a command after the connection's end, txtorcon would keep us waiting for ever.
        sent = self._txtorcon.queue_command(text) if isLine and not self.lost else None
        del text  # a key has no business in the frame of a traceback
        if not isLine:
            raise ValueError("a control command is one line of ASCII")
        if sent is None:
            raise ControlLost
        return str(await self._bounded(ourOutcome(sent), timeout))

    async def together(self, texts: Sequence[str], timeout: float = SECONDS_TO_ANSWER) -> str:
        """
        Send commands that tor obeys in one go: nothing else happens to it between them.

        @param texts: one line each; may hold keys.
        @param timeout: how long to wait for all answers, in seconds.

        @return: tor's answer to the last; those to the others don't matter.

        @raise TorRefusedCommand: if that is an error.
        @raise ControlLost: if the connection has ended.
        @raise ControlTimeout: if there is no answer in time.
        """
        areLines = all(text and text.isascii() and text.isprintable() for text in texts)
        sent = self._txtorcon.queueTogether(texts) if areLines and not self.lost else []
        del texts  # keys have no business in the frame of a traceback
        if not areLines:
            raise ValueError("a control command is one line of ASCII")
        if not sent:
            raise ControlLost
        answers = [ourOutcome(each) for each in sent]
        return str(await self._bounded(answers[-1], timeout))

    async def getInfo(self, key: str) -> str:
        """
        Ask C{GETINFO} for the value of one key.
        """
        answer = await self.command(f"GETINFO {key}")
        return answer.removeprefix(f"{key}=").strip()

    async def _bounded(self, answer: Outcome[object], timeout: float = SECONDS_TO_ANSWER) -> object:
        """
        Wait for an answer.  A command that was sent can't be taken back: who stops waiting for it
        leaves it be.
        """
        try:
            return await answer.wait().addTimeout(timeout, self._clock)
        except TimeoutError:
            pass
        raise ControlTimeout
