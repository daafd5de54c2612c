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

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IProtocol, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from txtorcon import TorControlProtocol, TorProtocolError

from onionp2p.errors import ControlLost, ControlTimeout, TorRefusedCommand
from onionp2p.outcome import Outcome

__all__ = ["EVENTS", "TorControl", "parseKeywords"]

SECONDS_TO_ANSWER = 30.0
EVENTS = ("STATUS_CLIENT", "HS_DESC")
_KEYWORD = re.compile(r'([A-Za-z_]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))')
_ESCAPED = re.compile(r"\\(.)")
# Long enough for no word of tor's, short enough for no key.
_SECRET = re.compile(r"[A-Za-z0-9+/=]{40,}")

Observer = Callable[[str], None]


def parseKeywords(text: str) -> dict[str, str]:
    """
    Read the C{NAME=value} and C{NAME="quoted value"} parts of an event or reply.
    """
    return {
        name: _ESCAPED.sub(r"\1", quoted) if quoted else plain
        for name, quoted, plain in _KEYWORD.findall(text)
    }


class _Protocol(TorControlProtocol):  # type: ignore[misc]  # txtorcon has no types
    """
    txtorcon's protocol, made to bear what is not ASCII.
    """

    def __init__(self, lost: Outcome[None]) -> None:
        TorControlProtocol.__init__(self)
        self._lost = lost

    def lineReceived(self, line: bytes) -> None:
        """
        Pass on a line of tor's.  What is no answer ends the connection: who knows what comes next?
        """
        text = line.decode("utf-8", "replace").encode("ascii", "replace")
        try:
            TorControlProtocol.lineReceived(self, text)
        except Exception:  # noqa: BLE001 - of any kind
            self.transport.abortConnection()

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

    def __init__(self, clock: IReactorTime, events: Sequence[str] = EVENTS) -> None:
        """
        @param events: what L{observe} can be asked for.
        """
        self._clock = clock
        self._lost: Outcome[None] = Outcome()
        self._observers: dict[str, list[Observer]] = {name: [] for name in events}
        self._txtorcon = _Protocol(self._lost)
        self._letIn = _ourOutcome(self._txtorcon.post_bootstrap)

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
        Wait until tor has let us in, and have it tell its events.

        @raise ControlLost: if the connection ends.
        @raise ControlTimeout: if it does not answer.
        """
        await self._bounded(self._letIn)
        for name in self._observers:
            added = self._txtorcon.add_event_listener(name, self._tell(name))
            await self._bounded(_ourOutcome(added))

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
        return TorRefusedCommand(int(error.code), _SECRET.sub("…", str(error.text)))
    return ControlLost()
