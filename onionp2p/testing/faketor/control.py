# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A fake tor's side of a control connection (control-spec, section 2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred, DeferredQueue
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from onionp2p.testing.faketor.authentication import Authentication
from onionp2p.testing.faketor.commands import answer
from onionp2p.testing.faketor.faults import Action, Cut, Drop, Ignore, Impersonate, Refuse, Reply
from onionp2p.testing.faketor.multiline import answerBlock, isBlock
from onionp2p.testing.faketor.outlet import Outlet
from onionp2p.testing.faketor.replies import CloseAfter, Dying, Refused, inline

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress

    from onionp2p.testing.faketor.services import Service
    from onionp2p.testing.faketor.tor import FakeTor

__all__ = ["ControlFactory", "ControlSession"]


class ControlSession(LineOnlyReceiver):
    """
    One controller's connection.

    @ivar authentication: whether it is let in.
    @ivar events: what it wants to be told of.
    @ivar services: the onions that go when it goes.
    @ivar owner: whether tor goes when it goes.
    """

    delimiter = b"\n"
    MAX_LENGTH = 1 << 20
    outlet: Outlet
    transport: Any

    def __init__(self, tor: FakeTor, authentication: Authentication) -> None:
        self._tor = tor
        self._lines: DeferredQueue[str] = DeferredQueue()
        self._talk: Deferred[None] | None = None
        self.authentication: Authentication = authentication
        self.events: frozenset[str] = frozenset()
        self.services: list[Service] = []
        self.owner = False

    @property
    def onions(self) -> list[Service]:
        """
        Those of its services that are served still.
        """
        served = self._tor.onions.services
        return [service for service in self.services if served.get(service.label) is service]

    def connectionMade(self) -> None:
        self.outlet = self._tor.outlets.new(self.transport)
        self._tor.controllers.sessions.append(self)
        self._talk = Deferred.fromCoroutine(self._converse())
        self._talk.addErrback(lambda failure: failure.trap(CancelledError) and None)

    def lineReceived(self, line: bytes) -> None:
        self._lines.put(line.decode("latin-1").removesuffix("\r"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._tor.controllers.sessions.remove(self)
        self._tor.outlets.forget(self.outlet)
        if self._talk is not None:
            self._talk.cancel()
        for service in self.onions:
            self._tor.onions.withdraw(service.label)
        if self.owner:
            self._tor.exit()

    def tell(self, name: str, lines: list[str]) -> None:
        """
        Tell of an event, if it is wanted.
        """
        if name in self.events:
            self._write(lines)

    def _write(self, lines: list[str]) -> None:
        self.outlet.write(_encoded(lines))

    async def _converse(self) -> None:
        goOn = True
        while goOn:
            line = await self._lines.get()
            block: list[str] = []
            if isBlock(line):
                while (text := await self._lines.get()) != ".":
                    block.append(text.removeprefix("."))
            goOn = await self._answer(line, block)
        self.outlet.finish()

    async def _answer(self, line: str, block: list[str]) -> bool:
        """
        Answer one command.

        @param block: the lines that came with it.

        @return: whether to go on.
        """
        word, _, rest = line.partition(" ")
        action = await self._tor.at(f"{word.upper()} {rest}")
        if isinstance(action, Drop):
            self.transport.abortConnection()
            return False
        if isinstance(action, Ignore):
            return True
        if isinstance(action, Reply):
            self.outlet.write(action.data)
            return not action.closes
        try:
            lines, goOn = self._obey(word, rest, block, action)
        except Dying:
            return True
        data = _encoded(lines)
        if isinstance(action, Cut):
            data, goOn = data[: action.after], False
        self.outlet.write(data)
        return goOn

    def _obey(
        self, word: str, rest: str, block: list[str], action: Action | None
    ) -> tuple[list[str], bool]:
        """
        Do what a command says.

        @return: the lines of the answer, and whether to go on.
        """
        goOn = word.upper() != "QUIT"
        try:
            if isinstance(action, Refuse):
                return inline(action.code, [action.text]), goOn
            if isinstance(action, Impersonate):
                self.authentication.forgetCookie()
            if isBlock(word) and self.authentication.passed:
                return answerBlock(self._tor, word, rest, block), goOn
            return answer(self._tor, self, word, rest), goOn
        except Refused as refused:
            return refused.lines, goOn
        except CloseAfter as last:
            return last.lines, False


def _encoded(lines: list[str]) -> bytes:
    return "".join(f"{text}\r\n" for text in lines).encode("latin-1")


class ControlFactory(Factory):
    """
    Takes controllers' connections.
    """

    noisy = False

    def __init__(self, tor: FakeTor, *, owner: bool) -> None:
        """
        @param owner: whether they come as by C{__OwningControllerFD}, and need no proof.
        """
        self._tor = tor
        self._owner = owner

    def buildProtocol(self, addr: IAddress | None) -> ControlSession:
        authentication = Authentication(
            self._tor.configuration, self._tor.version, owner=self._owner
        )
        return ControlSession(self._tor, authentication)
