# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
QR codes, on a terminal.
"""

from __future__ import annotations

import shutil
import sys
from itertools import zip_longest

import click

from onionp2p.cli.terminal import canShow, colour

__all__ = ["qrCode"]

_BLOCKS = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}
_BLACK_ON_WHITE = "\x1b[38;5;16;48;5;231m"
_PLAIN = "\x1b[0m"


def qrCode(text: str, *, correction: str = "m") -> str:
    """
    Make a QR code of C{text} (ISO/IEC 18004) for standard output: two rows of modules in a line,
    and the quiet zone of four modules around them.

    It is dark on light, as cameras want it: with colours, on any terminal; without, on one that is
    dark itself.

    @param correction: how much of it may be unreadable: C{l}, 7%, makes the least code.

    @return: lines; the last one without its end.

    @raise click.ClickException: if it can't be shown here.
    """
    try:
        import segno
    except ImportError:
        raise click.ClickException("QR codes need segno: pip install 'onionp2p[qr]'") from None
    if not canShow(sys.stdout, "".join(_BLOCKS.values())):
        raise click.ClickException(
            "QR codes are drawn with characters that this terminal's encoding lacks:"
            " use a UTF-8 locale, such as LC_ALL=C.UTF-8"
        )
    code = segno.make(text, error=correction, micro=False)
    rows = [[bool(module) for module in row] for row in code.matrix_iter(border=4)]
    columns = shutil.get_terminal_size().columns
    if sys.stdout.isatty() and columns < len(rows):
        raise click.ClickException(
            f"the QR code takes {len(rows)} columns, and this terminal has {columns}: make it wider"
        )
    wanted = colour()
    return _draw(rows, colours=sys.stdout.isatty() if wanted is None else wanted)


def _draw(rows: list[list[bool]], *, colours: bool) -> str:
    if not colours:  # what is drawn is light
        rows = [[not module for module in row] for row in rows]
    lines = []
    nothing = [False] * len(rows[0])
    for upper, lower in zip_longest(rows[::2], rows[1::2], fillvalue=nothing):
        line = "".join(_BLOCKS[pair] for pair in zip(upper, lower, strict=True))
        lines.append(f"{_BLACK_ON_WHITE}{line}{_PLAIN}" if colours else line)
    return "\n".join(lines)
