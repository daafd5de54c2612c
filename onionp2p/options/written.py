# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The options of one endpoint string, as they are written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet

from onionp2p.options.combinations import wrong

__all__ = ["Arguments", "Keywords", "Written"]

Arguments = Sequence[object]
Keywords = Mapping[str, object]


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

    def text(self, name: str) -> str | None:
        """
        Give an option as it was written.
        """
        return self.values.get(name)

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
