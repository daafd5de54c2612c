# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Commands that bring a data block: C{+LOADCONF}, C{+HSPOST}, C{+POSTDESCRIPTOR} (control-spec,
sections 2.4, 3.20, 3.25 and 3.14).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from onionp2p.testing.faketor.reconfiguring import loadConf
from onionp2p.testing.faketor.replies import Refused
from onionp2p.testing.faketor.services import checkLabel

if TYPE_CHECKING:
    from onionp2p.testing.faketor.tor import FakeTor

__all__ = ["answerBlock", "isBlock"]


def isBlock(line: str) -> bool:
    """
    Whether lines follow this one, up to one that is only a dot.
    """
    return line.startswith("+")


def answerBlock(tor: FakeTor, word: str, text: str, block: list[str]) -> list[str]:
    """
    Do what a command says.

    @param word: the command, with its plus.
    @param text: its arguments.
    @param block: the lines that follow.

    @return: the lines of the answer.

    @raise Refused: holds the answer.
    """
    command = _COMMANDS.get(word.upper())
    if command is None:
        raise Refused(510, f'Unrecognized command "{word}"')
    return command(tor, text, block)


def _hsPost(tor: FakeTor, text: str, block: list[str]) -> list[str]:
    named = dict(word.upper().partition("=")[::2] for word in text.split())
    if "HSADDRESS" not in named:
        return []  # version 2's way, which tor takes and then forgets to answer
    if not checkLabel(named["HSADDRESS"].lower()):
        raise Refused(512, "Malformed onion address")
    # It can't tell a good one from another: no onion of these is ever found.
    raise Refused(554, "Invalid descriptor")


def _postDescriptor(tor: FakeTor, text: str, block: list[str]) -> list[str]:
    raise Refused(554, "Couldn't parse router descriptor.")


_COMMANDS: dict[str, Callable[[FakeTor, str, list[str]], list[str]]] = {
    "+HSPOST": _hsPost,
    "+LOADCONF": lambda tor, text, block: loadConf(tor, block),
    "+POSTDESCRIPTOR": _postDescriptor,
}
