# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What the commands print with C{--json}: one object a line.
"""

from __future__ import annotations

import json
import re
from dataclasses import fields
from enum import Enum
from typing import Any

import click

from onionp2p.cli.failures import sentence
from onionp2p.events import Event

__all__ = ["eventObject", "printEvent", "printObject"]


def printObject(**values: Any) -> None:
    """
    Print an object.
    """
    click.echo(json.dumps(values))


def printEvent(event: Event) -> None:
    """
    Print an event.
    """
    printObject(**eventObject(event))


def eventObject(event: Event) -> dict[str, Any]:
    """
    Make an object of an event: C{event} is its name, as C{"tor_ended"} for a C{TorEnded}, and the
    rest its fields.  Addresses and errors are text, and milliseconds are the finest of times.
    """
    told: Any = event  # a dataclass, as all of them are
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()
    return {"event": name, **{f.name: _value(getattr(event, f.name)) for f in fields(told)}}


def _value(value: object) -> object:
    match value:
        case Enum():
            return value.value
        case float():
            return round(value, 3)
        case None | str() | int():
            return value
        case BaseException():
            return sentence(value)
    return str(value)
