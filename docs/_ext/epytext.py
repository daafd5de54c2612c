# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
From the epytext of our docstrings to the reStructuredText that Sphinx reads.

Only what we write is understood: the inline marks C, L, I, B, U and E, fields, lists, and literal
blocks after C{::}, which are the same in both.  Anything else is a C{ValueError}, so the build
fails: a mark that nobody understands is a mistake of the docstring's.
"""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["PRIVATE", "toRest"]

PRIVATE = "private"
"""
What an error that has no page seems to be in, for Sphinx takes each for a reference.
"""

_FIELDS = {
    "cvar": "cvar",
    "ivar": "ivar",
    "param": "param",
    "raise": "raises",
    "return": "returns",
}
_FIELD = re.compile(r"@(\w+)(?: ([^:]+))?:")
_ITEM = re.compile(r"(?:-|\d+\.) ")
_SPECIAL = re.compile(r"([\\*`|]|(?<=\w)_\b(?!\w))")


def toRest(text: str, link: Callable[[str], str | None]) -> list[str]:
    """
    Translate a docstring.

    @param text: the docstring, without the indentation of the code.
    @param link: gives the full name of what an C{L} mark names, or L{None} for a plain literal.
    @return: its lines.
    @raise ValueError: for a mark that is not known.
    """
    lines: list[str] = []
    for prose, block in _blocks(text.splitlines()):
        if prose:
            lines += _structure(_inline("\n".join(prose), link).splitlines(), link)
        lines += block
    return lines


def _blocks(lines: list[str]) -> list[tuple[list[str], list[str]]]:
    """
    Part the lines into prose, each with the literal block that follows it.
    """
    parts: list[tuple[list[str], list[str]]] = [([], [])]
    margin: int | None = None
    for line in lines:
        depth = len(line) - len(line.lstrip())
        if margin is not None and line.strip() and depth <= margin:
            margin = None
            parts.append(([], []))
        parts[-1][0 if margin is None else 1].append(line)
        if margin is None and line.endswith("::"):
            margin = depth
    return parts


def _structure(lines: list[str], link: Callable[[str], str | None]) -> list[str]:
    """
    Set lists and fields apart, as reStructuredText wants them.
    """
    out: list[str] = []
    shift, inFields = 0, False
    for line in lines:
        stripped = line.lstrip()
        depth = len(line) - len(stripped)
        if field := _FIELD.match(stripped):
            tag, argument = field.groups()
            if tag not in _FIELDS:
                raise ValueError(f"the field @{tag} is not known")
            if not inFields:
                out.append("")
            shift, inFields = 0, True
            if tag == "raise":
                argument = f"~{link(argument) or f'{PRIVATE}.{argument}'}"
            name = f"{_FIELDS[tag]} {argument}" if argument else _FIELDS[tag]
            out.append(f":{name}:{stripped[field.end() :]}")
            continue
        if _ITEM.match(stripped):
            # Epytext indents the items of a list, which would be a quotation.
            shift = depth if not inFields else 0
            out.append("")
        elif stripped and depth < shift:
            shift = 0
            out.append("")
        out.append(line[shift:] if stripped else "")
    return out


def _inline(text: str, link: Callable[[str], str | None]) -> str:
    """
    Translate the inline marks, and escape what only reStructuredText would take for one.
    """
    out, plain, at = [], 0, 0
    while at < len(text):
        if not (text[at : at + 1].isupper() and text[at + 1 : at + 2] == "{"):
            at += 1
            continue
        end = _closing(text, at + 2)
        out.append(_SPECIAL.sub(r"\\\1", text[plain:at]))
        # A mark may touch the letters around it.
        before = "\\ " if at and not text[at - 1].isspace() else ""
        out.append(before + _mark(text[at], text[at + 2 : end], link))
        plain = at = end + 1
        if text[at : at + 1].isalnum():
            out.append("\\ ")
    out.append(_SPECIAL.sub(r"\\\1", text[plain:]))
    return "".join(out)


def _closing(text: str, at: int) -> int:
    """
    Find the brace that closes the one before C{at}.
    """
    depth = 1
    for index in range(at, len(text)):
        depth += {"{": 1, "}": -1}.get(text[index], 0)
        if not depth:
            return index
    raise ValueError(f"a brace is not closed: {text[at - 2 : at + 30]!r}")


def _mark(kind: str, inside: str, link: Callable[[str], str | None]) -> str:
    """
    Translate one mark.
    """
    inside = " ".join(inside.split())
    if kind == "E":
        return {"lb": "{", "rb": "}"}[inside]
    if kind == "C":
        return f"``{inside}``"
    if kind in "IB":
        return f"*{inside}*" if kind == "I" else f"**{inside}**"
    if kind not in "LU":
        raise ValueError(f"the mark {kind}{{…}} is not known")
    named = re.fullmatch(r"(.*?)\s*<(.*)>", inside)
    shown, target = named.groups() if named else (inside, inside)
    if kind == "U":
        if not target.startswith("https://"):
            raise ValueError(f"no address to link to: {target!r}")
        return f"`{shown} <{target}>`__"
    full = link(target)
    return f"``{shown}``" if full is None else f":py:obj:`{shown} <{full}>`"
