# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What may go wrong with a fake tor, as values.

A rule says at which moment something happens, what, and how often::

    network.on("ADD_ONION", Refuse(551, "no luck today"), times=1)
    network.on("SOCKS CONNECT", Refuse(0xF0), times=3)
    network.on("BOOTSTRAP 50", Stall("Connection refused", reason="CONNECTREFUSED"))
    tor.on("DEL_ONION", Delay(5), Die())

The moments are

  - C{LAUNCH}: before tor answers at all;
  - C{BOOTSTRAP n}: before it gets to n percent;
  - a control command, as it arrives: C{ADD_ONION}, or with its arguments C{GETINFO version};
  - C{PUBLISH label}: before the uploads of an onion's descriptor begin;
  - C{UPLOAD label}: before a directory answers one of them;
  - C{FETCH label}: before a directory answers who asks for an onion's descriptor;
  - C{INTRODUCTION label}: before a fresh circuit leads to an onion;
  - C{SOCKS GREETING}, C{SOCKS CREDENTIALS}, C{SOCKS CONNECT name:port}: as these arrive;
  - C{TARGET name:port}: before the connection is brought to its listener.

A rule for a moment without its last words is one for all of that kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = [
    "Action",
    "Cut",
    "Delay",
    "Die",
    "Drop",
    "Fail",
    "Hang",
    "Ignore",
    "Impersonate",
    "JoinFirstBytes",
    "Refuse",
    "Reply",
    "Rule",
    "Rules",
    "Stall",
]


class Action:
    """
    Something that a tor does instead of what it should do.
    """


@dataclass(frozen=True)
class Delay(Action):
    """
    Wait, then go on with the rule's next action, or as it should be.
    """

    seconds: float


@dataclass(frozen=True)
class Refuse(Action):
    """
    Answer with an error: one of the control protocol's codes (500 to 599), or of SOCKS's (1 to
    255).
    """

    code: int
    text: str = "the test says no"


@dataclass(frozen=True)
class Reply(Action):
    """
    Answer with just these bytes, garbage or half of an answer.  On a SOCKS connection, nothing
    follows.

    @ivar closes: whether the connection is closed after them.
    """

    data: bytes
    closes: bool = False


@dataclass(frozen=True)
class Cut(Action):
    """
    Do as a control command says, and close the connection within the answer.

    @ivar after: how many bytes of the answer are sent.
    """

    after: int = 0


@dataclass(frozen=True)
class Ignore(Action):
    """
    Never answer this one.
    """


@dataclass(frozen=True)
class Hang(Action):
    """
    Freeze: nothing that this tor would say or bring arrives, until it thaws.
    """


@dataclass(frozen=True)
class Drop(Action):
    """
    Close this one connection.
    """


@dataclass(frozen=True)
class Die(Action):
    """
    End at once, as by C{kill -9}.
    """


@dataclass(frozen=True)
class Impersonate(Action):
    """
    Answer C{AUTHCHALLENGE} like one who does not know the cookie.
    """


@dataclass(frozen=True)
class Fail(Action):
    """
    The directory refuses an upload, or has no descriptor.

    @ivar reason: control-spec, section 4.1.25.
    """

    reason: str = "UPLOAD_REJECTED"


@dataclass(frozen=True)
class Stall(Action):
    """
    The bootstrap is stuck, and tor says why (control-spec, section 4.1.10).

    @ivar warning: why, for people.
    @ivar reason: why, in a word.
    @ivar seconds: until it goes on; by default it never does.
    """

    warning: str
    reason: str = "NOROUTE"
    seconds: float | None = None


@dataclass(frozen=True)
class JoinFirstBytes(Action):
    """
    Keep the success reply of SOCKS back until the first bytes of the other end come, and send all
    of it as one.
    """


class Rule:
    """
    What shall happen at a moment.
    """

    def __init__(self, moment: str, actions: tuple[Action, ...], times: int | None) -> None:
        self._words = moment.split()
        self.actions = actions
        self._left = times

    def applies(self, words: list[str]) -> bool:
        """
        Whether it is meant for the moment of these words, and not used up.
        """
        return not self.spent and words[: len(self._words)] == self._words

    @property
    def spent(self) -> bool:
        """
        Whether it is used up, or cancelled.
        """
        return self._left == 0

    def use(self) -> None:
        """
        Count one use.
        """
        if self._left is not None:
            self._left -= 1

    def cancel(self) -> None:
        """
        Apply no more.
        """
        self._left = 0


class Rules:
    """
    Some rules.  At each moment the oldest that applies does, alone.
    """

    def __init__(self) -> None:
        self._rules: list[Rule] = []

    def on(self, moment: str, *actions: Action, times: int | None = None) -> Rule:
        """
        Add a rule.

        @param moment: see the top of this module.
        @param actions: done one after the other.
        @param times: how often, or L{None} for always.
        """
        rule = Rule(moment, actions, times)
        self._rules.append(rule)
        return rule

    def at(self, moment: str) -> Iterator[Action]:
        """
        Give what happens at a moment.
        """
        words = moment.split()
        for rule in self._rules:
            if rule.applies(words):
                rule.use()
                yield from rule.actions
                return
