# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The reference of what is public, from its docstrings.

Sphinx's autodoc finds it and sets it; we translate the epytext (L{epytext}), say of each error
what else it is and whether to try again, of each event how it is logged, and know where Twisted's
documentation is.
"""

from __future__ import annotations

import builtins
import inspect
import re
import sys
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from epytext import PRIVATE, toRest
from publicnames import PUBLIC_NAMES, find, scopeOf
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from twisted.internet.error import (
    CannotListenError,
    ConnectError,
    ConnectingCancelledError,
    ConnectionLost,
)
from zope.interface.interface import InterfaceClass, Method

from onionp2p.errors import OnionError
from onionp2p.events import Event

TWISTED = "https://docs.twisted.org/en/stable/api"


def translate(  # noqa: PLR0917 - Sphinx hands them over so
    app: Sphinx, what: str, name: str, thing: Any, options: object, lines: list[str]
) -> None:
    """
    Have Sphinx read a docstring of ours.
    """
    if isinstance(thing, type) and not thing.__module__.startswith("onionp2p"):
        return
    scope = scopeOf(name, thing)
    text = "\n".join(lines)
    try:
        lines[:] = toRest(text, lambda target: find(target, scope))
    except ValueError as error:
        raise ValueError(f"the docstring of {name}: {error}") from error
    if _isA(thing, Enum):
        members = ", ".join(f"``{each.name}`` ({each.value})" for each in thing)
        lines += ["", ".. container:: kind", "", f"   {members}"]
    elif _isA(thing, OnionError):
        lines += _ofError(thing)
    elif _isA(thing, Event) and not isinstance(thing.level, property):
        lines += ["", ".. container:: kind", "", f"   Logged as {thing.level.name}."]


def _isA(thing: Any, base: type) -> bool:
    """
    Tell whether something is a class derived from C{base}.
    """
    return isinstance(thing, type) and issubclass(thing, base) and thing is not base


def _ofError(kind: type[OnionError]) -> Iterator[str]:
    """
    Say what else an error is, who is told it, and whether doing the same again may help.
    """
    bases = ", ".join(
        f":py:exc:`~{PUBLIC_NAMES.get(id(base)) or f'{base.__module__}.{base.__name__}'}`"
        for base in kind.__bases__
    )
    told = [where for base, where in _TOLD if issubclass(kind, base)]
    where = f", from {' or '.join(told)}" if told else ""
    again = "To try again may help." if kind.retriable else ""
    yield ""
    yield ".. container:: kind"
    yield ""
    yield f"   {bases}{where}. {again}"


_TOLD = [
    (ConnectError, "``connect()``"),
    (ConnectingCancelledError, "``connect()``"),
    (CannotListenError, "``listen()``"),
    (ConnectionLost, "``connectionLost()``"),
]


def sign(  # noqa: PLR0917 - the same
    app: Sphinx,
    what: str,
    name: str,
    thing: Any,
    options: object,
    arguments: str | None,
    result: str | None,
) -> tuple[str | None, str | None]:
    """
    Have Sphinx show zope's interfaces as what they are, and errors and enumerations without what
    all of them take.
    """
    if what == "exception" and thing.__init__ is OnionError.__init__ and thing is not OnionError:
        return "", None
    if _isA(thing, Enum):
        return "", None

    def named(text: str | None) -> str | None:
        return text and _INTERFACE.sub(r"\1", text)

    return named(arguments), named(result)


_INTERFACE = re.compile(r"<InterfaceClass ([\w.]+)>")


class ClassesDirective(SphinxDirective):
    """
    C{.. errors:: MODULE} and C{.. events:: MODULE}: all the public classes that a module defines.
    """

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        module = import_module(self.arguments[0])
        kind = {"errors": "autoexception", "events": "autoclass"}[self.name]
        lines = []
        for name in _inOrder(module):
            thing = getattr(module, name)
            lines.append(f".. {kind}:: {PUBLIC_NAMES[id(thing)]}")
            # Of an event, the signature tells all, unless its level depends on what happened.
            if not issubclass(thing, Event):
                lines.append("   :members:")
            elif isinstance(thing.level, property):
                lines.append("   :members: level")
            lines.append("")
        return _parsed(self, lines)


def _inOrder(module: Any) -> list[str]:
    """
    Give the public classes of a module in the order of its source.
    """
    names = [name for name in vars(module) if name in module.__all__]
    return [name for name in names if getattr(module, name).__module__ == module.__name__]


class InterfaceDirective(SphinxDirective):
    """
    C{.. interface:: NAME}: one of zope's, which autodoc takes for an instance.
    """

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        module, _, name = self.arguments[0].rpartition(".")
        interface: InterfaceClass = getattr(import_module(module), name)
        scope = vars(import_module(module))

        def body(text: str, margin: str) -> list[str]:
            lines = toRest(inspect.cleandoc(text), lambda target: find(target, scope))
            return ["", *(margin + line if line else "" for line in lines), ""]

        lines = [
            f".. py:class:: {name}",
            f"   :module: {module}",
            *body(interface.__doc__ or "", "   "),
        ]
        for each in interface.names():
            described = interface[each]
            assert isinstance(described, Method)
            lines.append(f"   .. py:method:: {each}{described.getSignatureString()}")
            lines += body(described.__doc__, "      ")
        return _parsed(self, lines)


def _parsed(directive: SphinxDirective, lines: list[str]) -> list[nodes.Node]:
    """
    Parse reStructuredText in the place of a directive.
    """
    node = nodes.Element()
    source = directive.get_source_info()[0]
    directive.state.nested_parse(StringList(lines, source=source), 0, node)
    return node.children


def elsewhere(app: Sphinx, env: object, node: Any, text: nodes.TextElement) -> nodes.Node | None:
    """
    Lead to Twisted's documentation, and leave the names of others as they are.
    """
    target: str = node.get("reftarget", "")
    first, *rest = target.split(".")
    if node.get("refdomain") != "py" or first == "onionp2p":
        return None
    if first == "twisted":
        kinds = [index for index, part in enumerate(rest) if part[:1].isupper()]
        page = rest[: kinds[0] + 1] if kinds else rest
        member = "#" + rest[len(page)] if len(rest) > len(page) else ""
        return nodes.reference(
            "", "", text, refuri=f"{TWISTED}/{'.'.join([first, *page])}.html{member}"
        )
    known = {*vars(builtins), *sys.stdlib_module_names, PRIVATE}
    return text if first in known else None


def setup(app: Sphinx) -> dict[str, bool]:
    """
    Sphinx asks for this.
    """
    app.connect("autodoc-process-docstring", translate)
    app.connect("autodoc-process-signature", sign)
    app.connect("missing-reference", elsewhere)
    app.add_directive("errors", ClassesDirective)
    app.add_directive("events", ClassesDirective)
    app.add_directive("interface", InterfaceDirective)
    return {"parallel_read_safe": True}
