# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The process of one contender.

    python -m measuring.worker CONTENDER FOLDER LABEL

Each line of its standard input is a JSON object, C{{"figure": NAME, ...}} with the figure's
arguments; for each it prints its result.  It ends with its input.  Nothing else goes on in it, so
it may as well block while it waits for a line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from twisted.internet.task import react

from measuring import figures, rawsocket
from measuring.contenders import TWISTED
from measuring.echoing import echo
from measuring.growing import grow
from measuring.logs import logErrors
from measuring.rawsocket import RAW, RawSocket

_FIGURES: dict[str, Callable[..., Any]] = {
    "transfer": figures.transfer,
    "connects": figures.connects,
    "messages": figures.messages,
    "stalls": figures.stalls,
    "visit": figures.visit,
    "grow": grow,
    "echo": echo,
}
_RAW_FIGURES: dict[str, Callable[..., Any]] = {
    "visit": rawsocket.visit,
    "transfer": rawsocket.transfer,
}


async def main(reactor: Any, name: str, folder: str, label: str) -> None:
    """
    Measure as asked, until there is nothing more to measure.
    """
    logErrors()
    if name == RAW:
        contender: Any = RawSocket(folder, label)
        known = _RAW_FIGURES
    else:
        contender = TWISTED[name](reactor, folder, label)
        known = _FIGURES
    print("ready", flush=True)
    for line in iter(sys.stdin.readline, ""):
        arguments = json.loads(line)
        result = await known[arguments.pop("figure")](contender, **arguments)
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    react(main, sys.argv[1:])
