# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
txtorcon's control protocol, which nobody else imports: made to bear what is not ASCII and what
never ends, and its errors made ours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from txtorcon import TorControlProtocol, TorProtocolError

from onionp2p.errors import ControlLost, TorRefusedCommand
from onionp2p.oneline import oneLine
from onionp2p.waiting.outcome import Outcome

__all__ = ["ControlProtocol", "ourOutcome"]

_LONGEST_ANSWER = 1 << 18
# Long enough for no word of tor's, short enough for no key.
_SECRET = re.compile(r"[A-Za-z0-9+/=]{40,}")


class ControlProtocol(TorControlProtocol):  # type: ignore[misc]  # txtorcon has no types
    """
    One control connection.
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


def ourOutcome(answer: Deferred[object]) -> Outcome[object]:
    """
    Give what comes of C{answer}, with our own errors for txtorcon's, which may quote a command.
    """
    outcome: Outcome[object] = Outcome()
    answer.addCallbacks(outcome.succeed, lambda failure: outcome.fail(_ourError(failure.value)))
    return outcome


def _ourError(error: BaseException) -> Exception:
    if isinstance(error, TorProtocolError):
        return TorRefusedCommand(int(error.code), _SECRET.sub("…", oneLine(str(error.text))))
    return ControlLost()
