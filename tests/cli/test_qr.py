# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
QR codes on a terminal.
"""

from __future__ import annotations

import io
import re
import sys

import click
import pytest
import segno

from onionp2p.cli.qr import qrCode

TEXT = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd.onion:7777"


class Screen(io.TextIOWrapper):
    """
    Standard output.
    """

    def __init__(self, encoding: str, *, terminal: bool) -> None:
        super().__init__(io.BytesIO(), encoding)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Have no wishes.
    """
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")


def show(monkeypatch: pytest.MonkeyPatch, encoding: str, *, terminal: bool) -> str:
    """
    Make a code for such an output.
    """
    monkeypatch.setattr(sys, "stdout", Screen(encoding, terminal=terminal))
    return qrCode(TEXT)


def looked(code: str, *, drawnIsDark: bool) -> list[list[int]]:
    """
    Look at a code as a camera does: give its modules, with 1 for dark.
    """
    rows = []
    for line in code.split("\n"):
        rows.append([int((each in "▀█") is drawnIsDark) for each in line])
        rows.append([int((each in "▄█") is drawnIsDark) for each in line])
    return rows


def expected() -> list[list[int]]:
    """
    Give the modules as they are to be, with the quiet zone.
    """
    return [list(row) for row in segno.make(TEXT, error="m", micro=False).matrix_iter(border=4)]


def test_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Without colours the light modules are drawn, for a dark terminal; the quiet zone is whole.
    """
    rows = looked(show(monkeypatch, "utf-8", terminal=False), drawnIsDark=False)
    assert rows[: len(expected())] == expected()
    assert all(not any(row) or row == [1] * len(row) for row in rows[len(expected()) :])


def test_coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    On a terminal it is black on white, whatever colours that has; each line gives them back.
    """
    code = show(monkeypatch, "utf-8", terminal=True)
    lines = code.split("\n")
    assert all(re.fullmatch(r"\x1b\[38;5;16;48;5;231m[ ▀▄█]+\x1b\[0m", line) for line in lines)
    rows = looked(re.sub(r"\x1b\[[0-9;]*m", "", code), drawnIsDark=True)
    assert rows[: len(expected())] == expected()


def test_noColour(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    NO_COLOR keeps them away there, too.
    """
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in show(monkeypatch, "utf-8", terminal=True)


def test_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where the blocks can't be printed, it is said what to do.
    """
    with pytest.raises(click.ClickException, match="use a UTF-8 locale"):
        show(monkeypatch, "ascii", terminal=True)


@pytest.mark.parametrize("kind", ["xterm", "dumb"])
def test_narrow(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A code that a narrow terminal would break into pieces is not shown.
    """
    monkeypatch.setenv("TERM", kind)
    monkeypatch.setenv("COLUMNS", "40")
    with pytest.raises(click.ClickException, match="this terminal has 40: make it wider"):
        show(monkeypatch, "utf-8", terminal=True)


def test_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Without segno, it is said what to install.
    """
    monkeypatch.setitem(sys.modules, "segno", None)
    with pytest.raises(click.ClickException, match=r"pip install 'onionp2p\[qr\]'"):
        qrCode(TEXT)
