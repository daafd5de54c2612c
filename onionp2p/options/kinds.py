# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The kinds of values that options take: what each is as a program's own value, and how it is written
in an endpoint string.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Any

from onionp2p.address import AddressError, parsePort

__all__ = [
    "Choice",
    "Instance",
    "Kind",
    "Number",
    "Port",
    "Seconds",
    "SecondsOrNo",
    "Word",
    "YesOrNo",
]

_DAY = 86400.0
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,10}", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class Kind:
    """
    A kind of values.

    @ivar expected: what is said of a value that is none, behind the option's name.
    """

    expected: str

    def read(self, text: str) -> Any:
        """
        Give the value that is written in an endpoint string.

        @raise ValueError: says what was expected.
        """
        value = self.parse(text)
        self.check(value)
        return value

    def check(self, value: object) -> None:
        """
        Refuse what is no such value.

        @raise ValueError: says what was expected.
        """
        if not self.holds(value):
            raise ValueError(self.expected)

    def parse(self, text: str) -> object:
        """
        Give the value that C{text} may mean; L{check} refuses it if it is none.
        """
        return text

    def holds(self, value: Any) -> bool:
        """
        Tell whether it is one.
        """
        raise NotImplementedError


class Number(Kind):
    """
    A whole number.
    """

    def __init__(self, least: int, most: int) -> None:
        self.expected = f"takes a number, {least} to {most}"
        self._least, self._most = least, most

    def parse(self, text: str) -> object:
        return int(text) if _NUMBER.fullmatch(text) else text

    def holds(self, value: Any) -> bool:
        isNumber = isinstance(value, int) and not isinstance(value, bool)
        return isNumber and self._least <= value <= self._most


class Port(Number):
    """
    A port, virtual or TCP's.
    """

    def __init__(self) -> None:
        super().__init__(1, 65535)
        self.expected = "is no port: a port is a number from 1 to 65535"

    def parse(self, text: str) -> object:
        try:
            return parsePort(text)
        except AddressError:
            return text


class Seconds(Kind):
    """
    A time.
    """

    expected = f"takes seconds, more than 0 and at most {_DAY:.0f}"

    def parse(self, text: str) -> object:
        return float(text) if _SECONDS.fullmatch(text) else text

    def holds(self, value: Any) -> bool:
        isNumber = isinstance(value, int | float) and not isinstance(value, bool)
        return isNumber and 0 < value <= _DAY  # which is false for nan


class SecondsOrNo(Seconds):
    """
    A time, or L{None}, written C{no}.
    """

    expected = f"{Seconds.expected}, or no"

    def parse(self, text: str) -> object:
        return None if text == "no" else super().parse(text)

    def holds(self, value: Any) -> bool:
        return value is None or super().holds(value)


class YesOrNo(Kind):
    """
    A truth.
    """

    expected = "takes yes or no"

    def parse(self, text: str) -> object:
        return {"yes": True, "no": False}.get(text, text)

    def holds(self, value: Any) -> bool:
        return isinstance(value, bool)


class Choice(Kind):
    """
    A member of an enumeration, written as its value.
    """

    def __init__(self, members: type[Enum]) -> None:
        self.expected = f"takes {' or '.join(str(member.value) for member in members)}"
        self._members = members

    def parse(self, text: str) -> object:
        return next((member for member in self._members if member.value == text), text)

    def holds(self, value: Any) -> bool:
        return isinstance(value, self._members)


class Word(Kind):
    """
    A word.
    """

    expected = "takes a word of letters, digits, '.', '_' and '-', at most 64"

    def holds(self, value: Any) -> bool:
        return isinstance(value, str) and _WORD.fullmatch(value) is not None


class Instance(Kind):
    """
    What a program makes of several options.
    """

    def __init__(self, made: type, expected: str) -> None:
        self.expected = expected
        self._made = made

    def holds(self, value: Any) -> bool:
        return isinstance(value, self._made)
