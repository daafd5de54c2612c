# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Replies of the control protocol (control-spec, section 2.3).
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["CloseAfter", "Dying", "Refused", "inline", "ok"]


class Refused(Exception):
    """
    Tor answers with an error.

    @ivar lines: its lines.
    """

    def __init__(self, code: int, *texts: str) -> None:
        super().__init__(code, *texts)
        self.lines = inline(code, texts)


class CloseAfter(Exception):
    """
    Tor answers, and closes the connection.

    @ivar lines: the answer's lines.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.lines = inline(code, [text])


class Dying(Exception):
    """
    Tor ends instead of answering.
    """


def inline(code: int, texts: Sequence[str]) -> list[str]:
    """
    Give a reply all of whose lines hold something.
    """
    *first, last = texts
    return [*(f"{code}-{text}" for text in first), f"{code} {last}"]


def ok(**values: str) -> list[str]:
    """
    Give a reply of C{name=value} lines that ends with C{250 OK}; a value of several lines makes a
    data block.
    """
    lines: list[str] = []
    for name, value in values.items():
        if "\n" in value:
            lines += [f"250+{name}=", *value.split("\n"), "."]
        else:
            lines.append(f"250-{name}={value}")
    return [*lines, "250 OK"]
