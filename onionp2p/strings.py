# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Endpoint strings of any kind, as users of commands type them.

What is wrong with one, Twisted and its plugins tell by exceptions of any type, and often not before
somebody listens or connects.  Here it is a L{ValueError} at once, with what was expected.
"""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.endpoints import clientFromString, serverFromString
from twisted.internet.interfaces import IStreamClientEndpoint, IStreamServerEndpoint

from onionp2p.local.places import Place
from onionp2p.oneline import oneLine

__all__ = ["readClient", "readServer"]

_SERVERS = {
    "": "onionp2p:listen:port=PORT, tcp:PORT or unix:PATH, for example",
    "onionp2p": "onionp2p:listen:port=PORT",
    "ssl": "ssl:PORT:privateKey=FILE:certKey=FILE",
    "systemd": "systemd:domain=INET:index=0, in a service that systemd starts by its socket",
    "tcp": "tcp:PORT or tcp:PORT:interface=ADDRESS",
    "tcp6": "tcp6:PORT or tcp6:PORT:interface=ADDRESS",
    "tls": "tls:FOLDER:PORT",
    "unix": "unix:PATH",
}
_CLIENTS = {
    "": "onionp2p:dial:addr=X.onion:PORT, tcp:HOST:PORT or unix:PATH, for example",
    "onionp2p": "onionp2p:dial:addr=X.onion:PORT",
    "ssl": "ssl:HOST:PORT",
    "tcp": "tcp:HOST:PORT",
    "tls": "tls:HOST:PORT",
    "unix": "unix:PATH",
}
"""What to give behind each prefix; the first, where nobody knows the prefix."""

_PORTS = {
    "listen": {"ssl": 0, "tcp": 0, "tcp6": 0, "tls": 1},
    "dial": {"ssl": 1, "tcp": 1, "tls": 1},
}
"""At which place the port stands."""

_WRAPPERS = re.compile(r"^(haproxy:)+", re.IGNORECASE)
# Up to the next colon that no backslash takes its meaning from.
_ARGUMENT = re.compile(r"((?:[^\\:]|\\.)*)(?::|$)", re.DOTALL)
_LONGEST_SHOWN = 80


def readServer(reactor: Any, description: str) -> IStreamServerEndpoint:
    """
    Make the server endpoint of a string, and do nothing with it.

    @raise ValueError: says what is wrong, and what was expected.
    """
    endpoint: IStreamServerEndpoint = _read("listen", reactor, description)
    return endpoint


def readClient(reactor: Any, description: str) -> IStreamClientEndpoint:
    """
    Make the client endpoint of a string, and do nothing with it.

    @raise ValueError: says what is wrong, and what was expected.
    """
    endpoint: IStreamClientEndpoint = _read("dial", reactor, description)
    return endpoint


def _read(mode: str, reactor: Any, description: str) -> Any:
    parse: Any = serverFromString if mode == "listen" else clientFromString
    forms = _SERVERS if mode == "listen" else _CLIENTS
    inner = _WRAPPERS.sub("", description) if mode == "listen" else description
    prefix = inner.partition(":")[0].lower()
    try:
        _check(mode, prefix, inner)
        return parse(reactor, description)
    except Exception as error:  # noqa: BLE001 - of whatever plugin
        said = str(error)
        if not said.startswith(f"onionp2p:{mode}: "):  # ours say all
            said = f"{_said(error)}: give {forms.get(prefix, forms[''])}"
        raise ValueError(oneLine(said)) from None


def _check(mode: str, prefix: str, description: str) -> None:
    """
    See to what Twisted would find out too late, or call by names that users do not know.
    """
    if not re.fullmatch(r"(?:[^\\]|\\.)*", description, re.DOTALL):
        raise ValueError("behind its last backslash there is nothing")
    positional, named = [], {}
    for argument in _ARGUMENT.findall(description.partition(":")[2]):
        text = re.sub(r"\\(.)", r"\1", argument, flags=re.DOTALL)
        name, isNamed, value = text.partition("=")
        if isNamed:
            named[name] = value
        else:
            positional.append(text)
    if prefix == "onionp2p" and positional[:1] == ["dial" if mode == "listen" else "listen"]:
        raise ValueError(f"onionp2p:{positional[0]} is not to {mode}")
    # What is missing, Twisted knows.
    if prefix in _PORTS[mode]:
        place = _PORTS[mode][prefix]
        least = 0 if mode == "listen" else 1  # for any that is free
        _checkNumber("port", named.get("port", "".join(positional[place:][:1])), least, 65535)
    if prefix == "unix":
        path = named.get("address", named.get("path", "".join(positional[:1])))
        if not path:
            raise ValueError("the path is missing")
        Place.fromString(f"unix:{path}")
    if prefix in {*_PORTS[mode], "unix"}:
        _checkNumber("timeout", named.get("timeout", ""), 1, 86400)


def _checkNumber(name: str, text: str, least: int, most: int) -> None:
    number = re.fullmatch(r"[0-9]{1,9}", text, re.ASCII)
    if text and not (number and least <= int(text) <= most):
        raise ValueError(f"{name} {text[:_LONGEST_SHOWN]!r} is no number from {least} to {most}")


def _said(error: Exception) -> str:
    if isinstance(error, OSError):
        cause = getattr(error, "originalException", error)  # of Twisted's UnlistableError
        return f"{cause.filename}: {cause.strerror}" if cause.filename else str(error)
    if isinstance(error, TypeError):  # for arguments that the endpoint does not take, or lacks
        return re.sub(r"^[\w.]+\(\) ", "", str(error))
    if isinstance(error, ValueError):
        return re.sub(r"^invalid literal for int\(\).*?: (.*)", r"\1 is no number", str(error))
    return f"it can't be read ({type(error).__name__}: {error})"
