# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The control connection to a tor (control-spec).

The protocol is txtorcon's; what it leaves open is closed here: every command has a deadline, a
lost connection fails commands at once rather than never, and no error holds a command's text,
which may hold a key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, cast

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IProtocol, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from txtorcon import TorControlProtocol, TorProtocolError

from onionp2p.errors import ControlLost, ControlTimeout, TorRefusedCommand
from onionp2p.tor.authentication import Proof
from onionp2p.waiting.outcome import Outcome

__all__ = ["EVENTS", "TorControl"]

SECONDS_TO_ANSWER = 30.0
EVENTS = ("STATUS_CLIENT", "HS_DESC")
_SECONDS_TO_CLOSE = 2.0
_LONGEST_ANSWER = 1 << 18
# Long enough for no word of tor's, short enough for no key.
_SECRET = re.compile(r"[A-Za-z0-9+/=]{40,}")

Observer = Callable[[str], None]


class _Protocol(TorControlProtocol):  # type: ignore[misc]  # txtorcon has no types
    """
    txtorcon's protocol, made to bear what is not ASCII and what never ends.
    """

    command: Any

    def __init__(self, made: Outcome[None], lost: Outcome[None]) -> None:
        TorControlProtocol.__init__(self)
        self._made = made
        self._lost = lost

    def connectionMade(self) -> None:
        """
        Leave it to us to prove who we are: see L{onionp2p.tor.authentication}.
        """
        self._made.succeed(None)

    def begin(self) -> Deferred[object]:
        """
        Do what txtorcon does once it is let in.
        """
        # Its oldest version ends with a call that Twisted warns of, when all is done.
        self._bootstrap().addErrback(self._notBegun)
        return cast("Deferred[object]", self.post_bootstrap)

    def _notBegun(self, failure: Failure) -> None:
        if not self.post_bootstrap.called:
            self.post_bootstrap.errback(failure)

    def lineReceived(self, line: bytes) -> None:
        """
        Pass on a line of tor's.  What is no answer ends the connection: who knows what comes next?
        """
        text = line.decode("utf-8", "replace").encode("ascii", "replace")
        try:
            TorControlProtocol.lineReceived(self, text)
        except Exception:  # noqa: BLE001 - of any kind
            self.transport.abortConnection()
        if len(self.response) > _LONGEST_ANSWER:
            self.transport.abortConnection()

    def queueTogether(self, commands: Sequence[str]) -> list[Deferred[object]]:
        """
        Queue commands that tor is to obey in one go: they are written in one piece.
        """
        first = self.queue_command("\r\n".join(commands))
        return [first, *(self.queue_command("") for _ in commands[1:])]

    def _maybe_issue_command(self) -> None:
        """
        Begin with the next command; of one without a text, which was written together with another,
        only the answer is awaited.
        """
        if not self.command and self.commands and not self.commands[0][1]:
            self.command = self.commands.pop(0)
            self.defer = self.command[0]
        else:
            TorControlProtocol._maybe_issue_command(self)  # noqa: SLF001 - it is our base class

    def connectionLost(self, reason: Failure) -> None:
        """
        Fail what is under way, and all that may come.
        """
        self._lost.succeed(None)
        self.on_disconnect = None  # unused, and txtorcon asks for what Twisted has deprecated
        TorControlProtocol.connectionLost(self, reason)


class TorControl:
    """
    An authenticated control connection.

    @ivar protocol: to be connected to tor's control socket.
    """

    _log = Logger()

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
        self._txtorcon = _Protocol(self._made, self._lost)

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
        await self._bounded(_ourOutcome(self._txtorcon.begin()))
        for name in self._observers:
            added = self._txtorcon.add_event_listener(name, self._tell(name))
            await self._bounded(_ourOutcome(added))

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
        return str(await self._bounded(_ourOutcome(sent), timeout))

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
        answers = [_ourOutcome(each) for each in sent]
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


def _ourOutcome(answer: Deferred[object]) -> Outcome[object]:
    """
    Give what comes of C{answer}, with our own errors for txtorcon's, which may quote a command.
    """
    outcome: Outcome[object] = Outcome()
    answer.addCallbacks(outcome.succeed, lambda failure: outcome.fail(_ourError(failure.value)))
    return outcome


def _ourError(error: BaseException) -> Exception:
    if isinstance(error, TorProtocolError):
        text = "".join(each if each.isprintable() else "?" for each in str(error.text))
        return TorRefusedCommand(int(error.code), _SECRET.sub("…", text))
    return ControlLost()
