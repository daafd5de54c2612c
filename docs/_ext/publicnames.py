# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What is public, and what the names in a docstring mean.
"""

from __future__ import annotations

import builtins
import inspect
import re
import sys
from importlib import import_module
from typing import Any

__all__ = ["PUBLIC", "PUBLIC_NAMES", "find", "resolve", "scopeOf"]

PUBLIC = (
    "onionp2p",
    "onionp2p.interfaces",
    "onionp2p.events",
    "onionp2p.errors",
    "onionp2p.options",
    "onionp2p.keys",
    "onionp2p.web",
    "onionp2p.forwarding",
    "onionp2p.operating",
    "onionp2p.leaks",
    "onionp2p.ping",
    "onionp2p.ping.errors",
    "onionp2p.libp2p",
    "onionp2p.libp2p.errors",
    "onionp2p.testing",
    "onionp2p.testing.faketor",
    "onionp2p.testing.trial",
)
"""
Whose C{__all__} is promised to anybody: what reference/api.md shows.
"""


def _publicNames() -> dict[int, str]:
    """
    Give the public name of each public thing, by the thing's C{id}.
    """
    names: dict[int, str] = {}
    for module in map(import_module, PUBLIC):
        for name in module.__all__:
            names.setdefault(id(getattr(module, name)), f"{module.__name__}.{name}")
    return names


PUBLIC_NAMES = _publicNames()


def find(name: str, scope: dict[str, Any]) -> str | None:
    """
    Give the full public name of what a docstring names, as Python finds it at that place.

    @return: L{None} if it is not public; and the name itself, of which Sphinx complains, if it is
        nothing at all.
    """
    first, *rest = name.split(".")
    if first in scope:
        thing = scope[first]
    elif first in _EVERYWHERE:
        thing = _EVERYWHERE[first]
    else:
        try:
            thing = resolve(name)
        except (ImportError, AttributeError):
            return name
        owner = name.rpartition(".")[0]
        inside = owner in {*PUBLIC, *PUBLIC_NAMES.values()} and not inspect.ismodule(thing)
        return name if name in PUBLIC or inside else None
    whole = PUBLIC_NAMES.get(id(thing))
    if whole is None:
        if not isinstance(thing, type) or thing.__module__.startswith("onionp2p"):
            return None
        whole = f"{thing.__module__}.{thing.__qualname__}"
    # What only instances have is told of where their class is.
    return ".".join([whole, *rest]) if all(hasattr(thing, part) for part in rest[:1]) else whole


def resolve(name: str) -> Any:
    """
    Give what a full name names.

    @raise ImportError: if its module isn't there.
    @raise AttributeError: if it is not in its module.
    """
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            thing = import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            thing = getattr(thing, part)
        return thing
    raise ImportError(name)


_EVERYWHERE = {
    name: getattr(module, name) for module in map(import_module, PUBLIC) for name in module.__all__
} | vars(builtins)
"""
What docstrings may name without more ado, since a reader knows where it is.
"""


def scopeOf(name: str, thing: Any) -> dict[str, Any]:
    """
    Give the names that are known in a docstring: those of its module, and of its class.
    """
    within = thing if inspect.ismodule(thing) or inspect.isclass(thing) else None
    if within is None:
        within = resolve(name.rpartition(".")[0])
    if inspect.ismodule(within):
        function = inspect.getmodule(thing)
        return dict(vars(function if inspect.isfunction(thing) and function else within))
    of = {key: getattr(within, key) for key in dir(within) if not key.startswith("_")}
    # What only instances have.
    named = re.findall(r"@ivar (\w+):", within.__doc__ or "")
    of.update(dict.fromkeys([*named, *getattr(within, "__annotations__", {})]))
    return {**vars(sys.modules[within.__module__]), **of}
