# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Text from elsewhere, made fit to be shown.
"""

from __future__ import annotations

import pytest

from onionp2p.oneline import oneLine


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("as it is: é … 東", "as it is: é … 東"),
        (" two\r\n\tlines\u2028 ", "two lines"),
        ("\x1b[2J\x07\u202e", "\ufffd[2J\ufffd\ufffd"),
        ("a\udcff", "a\ufffd"),
        ("", ""),
    ],
)
def test_oneLine(text: str, shown: str) -> None:
    """
    A text is on one line, without what a terminal would obey; what was there instead is seen.
    """
    assert oneLine(text) == shown


def test_longest() -> None:
    """
    Of a text that is too long it gives as much as asked for, and shows that there is more.
    """
    assert oneLine("x" * 1000) == "x" * 1000
    assert oneLine("x" * 10, 10) == "x" * 10
    assert oneLine("x" * 1_000_000, 10) == "x" * 9 + "…"
