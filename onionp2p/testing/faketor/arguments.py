# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The arguments of control commands, as tor reads them (its C{control_cmd_args_st.h}).
"""

from __future__ import annotations

from collections.abc import Collection

from onionp2p.testing.faketor.replies import Refused

__all__ = ["parseArguments"]

Keywords = list[tuple[str, str]]


def parseArguments(
    command: str, text: str, count: tuple[int, int], keywords: Collection[str] | None = None
) -> tuple[list[str], Keywords]:
    """
    Split a command's arguments.

    @param count: the least and the most positional ones.
    @param keywords: which C{name=value} ones it takes, in lower case; L{None} for none at all.

    @return: the positional ones, and the others with their names in lower case.

    @raise Refused: as tor does.
    """
    least, most = count
    words = text.split()
    if keywords is None and len(words) > most:
        raise _bad(command, f"Cannot accept more than {most} argument(s)")
    if len(words) < least:
        raise _bad(command, f"Need at least {least} argument(s)")
    positional, rest = words[:most], words[most:]
    named: Keywords = []
    for word in rest:
        name, equals, value = word.partition("=")
        if not equals or '"' in value:
            raise _bad(command, "Cannot parse keyword argument(s)")
        named.append((name.lower(), value))
        if keywords is not None and name.lower() not in keywords:
            raise _bad(command, f'Unrecognized keyword argument "{name}"')
    return positional, named


def _bad(command: str, text: str) -> Refused:
    return Refused(512, f"Bad arguments to {command}: {text}")
