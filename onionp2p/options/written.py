# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The options of one endpoint string, and the records that they make.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields
from typing import Any, TypeVar

from onionp2p.address import AddressError, OnionAddress
from onionp2p.options.records import Admission, DialOptions, ListenOptions, TorOptions
from onionp2p.options.table import OPTIONS, optionOf, wrong

__all__ = ["Arguments", "Keywords", "Written"]

Arguments = Sequence[object]
Keywords = Mapping[str, object]

_Record = TypeVar("_Record", bound=TorOptions | Admission | ListenOptions | DialOptions)


class Written:
    """
    The arguments of one endpoint string.  What is wrong with one is a C{ValueError} that
    names it.

    @ivar mode: what they are options of.
    @ivar values: the text of each, by its name.
    @ivar positional: the texts without a name, but for the first.
    """

    def __init__(self, mode: str, args: Arguments, keywords: Keywords) -> None:
        """
        @param mode: what the first argument has to be.
        """
        positional = [_text(arg) for arg in args]
        self.mode = f"onionp2p:{mode}"
        self.values = {name: _text(value) for name, value in keywords.items()}
        self._checkMode(positional[0] if positional else "", mode)
        self.positional = positional[1:]

    @staticmethod
    def _checkMode(given: str, mode: str) -> None:
        functions = {"listen": "serverFromString", "dial": "clientFromString"}
        if given != mode and given in functions:
            raise ValueError(
                f"onionp2p:{given} is not for {functions[mode]}: use {functions[given]}"
            )
        if given != mode:
            raise ValueError(f"onionp2p: expected onionp2p:{mode}:…, not onionp2p:{given[:20]}")

    def __contains__(self, name: str) -> bool:
        return name in self.values

    @property
    def names(self) -> AbstractSet[str]:
        """
        The options that are given.
        """
        return self.values.keys()

    def wrong(self, name: str, expected: str) -> ValueError:
        """
        Give the error that says what option C{name} takes.
        """
        return wrong(self.mode, name, expected)

    def checkNames(self, known: Collection[str]) -> None:
        """
        Refuse every option that is not one of C{known}.
        """
        for name in self.values:
            if name not in known:
                takes = ", ".join(sorted(known))
                raise ValueError(f"{self.mode}: unknown option {name[:40]!r}; it takes {takes}")

    def read(self, name: str) -> Any:
        """
        Give the value of an option; L{None} if it is not given.
        """
        if name not in self:
            return None
        try:
            return OPTIONS[name].read(self.values[name])
        except ValueError as problem:
            raise self.wrong(name, str(problem)) from None

    def address(self) -> OnionAddress:
        """
        Read C{addr=}, whose port may stand in it, behind it or in C{port=}.
        """
        text = self.values["addr"]
        # Twisted splits a description at its colons, so that the port of addr=X.onion:7777 arrives
        # as an argument of its own.
        if self.positional:
            text = f"{text}:{self.positional.pop(0)}"
        port = self.read("port")
        try:
            return OnionAddress.fromString(text, port)
        except AddressError as problem:
            raise self.wrong("addr", f"is no address: {problem}") from None

    def record(self, kind: type[_Record], **given: object) -> _Record:
        """
        Make a record of the options that are given.

        @param given: the fields that are known already.
        """
        values: dict[str, Any] = dict(given)
        for field in fields(kind):
            inner: Any = field.default_factory
            if field.name in given:
                continue
            if isinstance(inner, type):
                values[field.name] = self.record(inner)
            elif optionOf(field) in self:
                values[field.name] = self.read(optionOf(field))
        return kind(**values)

    def checkPositional(self) -> None:
        """
        Refuse what belongs to no option.
        """
        for text in self.positional:
            raise ValueError(
                f"{self.mode}: {text[:40]!r} belongs to no option (is a colon of a"
                " value written as \\: ?)"
            )


def _text(value: object) -> str:
    """
    Twisted passes the parts of a C{bytes} description on as C{bytes}.
    """
    try:
        text = value.decode("utf-8") if isinstance(value, bytes) else value
    except UnicodeDecodeError:
        raise ValueError("onionp2p: the description is not UTF-8") from None
    if isinstance(text, int | float) and not isinstance(text, bool):
        text = str(text)
    if not isinstance(text, str):
        kind = type(text).__name__
        raise ValueError(f"onionp2p: an option is text or a number, not {kind}")  # noqa: TRY004 - as of all
    return text
