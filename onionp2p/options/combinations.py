# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Which options go together: the same for an endpoint string and for a record that a program makes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields, is_dataclass
from typing import Any

from onionp2p.options.table import optionOf, wrong

__all__ = [
    "DIAL",
    "LISTEN",
    "OF_ITS_OWN_ONION",
    "TOR_OPTIONS",
    "checkDial",
    "checkListen",
    "optionsOf",
]

LISTEN, DIAL = "onionp2p:listen", "onionp2p:dial"

TOR_OPTIONS = frozenset({"torrc", "defaultstorrc", "state", "tor", "control"})
_INTRODUCTIONS = frozenset({"introrate", "introburst"})
OF_ITS_OWN_ONION = _INTRODUCTIONS | {
    "clients",
    "pow",
    "powrate",
    "powburst",
    "maxstreams",
    "key",
    "circuits",
    "frontend",
    "watch",
}


def optionsOf(record: Any) -> set[str]:
    """
    Give the options that a record has otherwise than by default.
    """
    given: set[str] = set()
    for field in fields(record):
        value = getattr(record, field.name)
        if is_dataclass(value) and callable(field.default_factory):
            given |= optionsOf(value)
        elif value != field.default:
            given.add(optionOf(field))
    return given


def checkListen(given: Collection[str]) -> None:
    """
    Refuse options of a listener that don't go together.

    @raise ValueError: names one.
    """
    _checkAlone(LISTEN, given, "addr", OF_ITS_OWN_ONION, "which attaches to an onion that exists")
    why = "which leaves that tor's other services as they are"
    _checkAlone(LISTEN, given, "control", _INTRODUCTIONS | {"circuits", "frontend"}, why)
    if "introrate" in given and not ("circuits" in given or "frontend" in given):
        raise wrong(LISTEN, "introrate", "needs circuits=yes or frontend=: tor has it there alone")
    if "introburst" in given and "introrate" not in given:
        raise wrong(LISTEN, "introburst", "needs introrate=, which it can't be less than")
    if "addr" in given and "target" not in given and "control" not in given:
        raise wrong(LISTEN, "addr", "needs target=, where its tor delivers, or control=, to ask it")
    if "target" in given and "addr" not in given and "control" not in given:
        raise wrong(LISTEN, "target", "needs addr= or control=: our own tor has a private socket")
    if "addr" in given:
        _checkAlone(LISTEN, given, "target", TOR_OPTIONS, "which with addr= asks no tor")
    _checkBoth(LISTEN, given)


def checkDial(given: Collection[str]) -> None:
    """
    Refuse options of a dial that don't go together.

    @raise ValueError: names one.
    """
    why = "which dials through a tor that is already running"
    _checkAlone(DIAL, given, "socks", TOR_OPTIONS, why)
    why = "since tor takes a key by its control port alone"
    _checkAlone(DIAL, given, "socks", {"auth"}, why)
    _checkBoth(DIAL, given)


def _checkBoth(kind: str, given: Collection[str]) -> None:
    if "identity" in given and "protocol" not in given:
        raise wrong(kind, "identity", "needs protocol=: it is who we are to libp2p peers")
    why = "which uses a tor that is already running"
    _checkAlone(kind, given, "control", TOR_OPTIONS - {"control"}, why)


def _checkAlone(
    kind: str, given: Collection[str], name: str, others: Collection[str], why: str
) -> None:
    """
    Refuse C{others} where C{name} is given.
    """
    for other in sorted(others):
        if name in given and other in given:
            raise wrong(kind, other, f"has no use with {name}=, {why}")
