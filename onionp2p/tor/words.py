# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The words of tor's answers: C{NAME=value} and C{"quoted strings"} (control-spec, section 2.1).
"""

from __future__ import annotations

import re

__all__ = ["parseKeywords", "parseStrings", "unquote"]

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_KEYWORD = re.compile(rf"([A-Za-z_]+)=(?:{_QUOTED}|(\S*))")
_STRING = re.compile(rf"{_QUOTED}|(\S+)")
_ESCAPED = re.compile(r"\\([0-7]{1,3}|.)")
_NAMED = {"n": "\n", "t": "\t", "r": "\r"}


def parseKeywords(text: str) -> dict[str, str]:
    """
    Read the C{NAME=value} and C{NAME="quoted value"} parts of an event or reply.
    """
    return {
        name: _unescape(quoted) if quoted else plain
        for name, quoted, plain in _KEYWORD.findall(text)
    }


def parseStrings(text: str) -> list[str]:
    """
    Read strings with spaces between them, quoted or not.
    """
    return [_unescape(quoted) if quoted else plain for quoted, plain in _STRING.findall(text)]


def unquote(text: str) -> str:
    """
    Give what stands in quotes, or C{text} itself if it has none.
    """
    whole = re.fullmatch(_QUOTED, text)
    return text if whole is None else _unescape(whole[1])


def _unescape(text: str) -> str:
    """
    Undo the escapes of C, by which tor writes each byte that is not printable ASCII.
    """
    return _ESCAPED.sub(_character, text).encode("latin-1", "replace").decode("utf-8", "replace")


def _character(match: re.Match[str]) -> str:
    escaped = match[1]
    if escaped[0] in "01234567":
        return chr(int(escaped, 8) & 0xFF)
    return _NAMED.get(escaped, escaped)
