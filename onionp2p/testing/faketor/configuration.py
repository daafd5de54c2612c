# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What a fake tor is configured to be, and the commands that ask for it and change it
(control-spec, sections 3.1 to 3.3).

Of most options it remembers the value and no more.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from onionp2p.testing.faketor.options import OPTIONS, SERVICE_OPTIONS
from onionp2p.testing.faketor.replies import Refused, inline

__all__ = ["Configuration"]

_PAIR = re.compile(r'\s*([^\s="]+)(?:=(?:"((?:[^"\\]|\\.)*)"(?=\s|$)|([^\s"]*)(?=\s|$)))?(?=\s|$)')
_IN_FOLDERS = {name.lower() for name in SERVICE_OPTIONS}
_ALL_IN_FOLDERS = "hiddenserviceoptions"

Lines = list[tuple[str, str]]
Saved = tuple[dict[str, list[str]], Lines]


class Configuration:
    """
    A tor's options.

    @ivar services: those of the services in folders, in their order.
    """

    def __init__(self, torrc: Mapping[str, str | Sequence[str]]) -> None:
        """
        @param torrc: options and their values; those of services in folders are lines of
            C{HiddenServiceOptions}, each a name and a value.
        """
        self._torrc = {
            name: [values] if isinstance(values, str) else list(values)
            for name, values in torrc.items()
        }
        self._cookie: bytes | None = None
        self._values: dict[str, list[str]] = {}
        self.services: Lines = []
        self.reload()

    def reload(self) -> None:
        """
        Forget what commands have changed.
        """
        self._values = {name.lower(): list(values) for name, values in self._torrc.items()}
        self.services = []
        for line in self._values.pop(_ALL_IN_FOLDERS, []):
            name, _, value = line.partition(" ")
            self.services.append((OPTIONS[name.lower()].name, value))

    def save(self) -> Saved:
        """
        Give what L{restore} takes.
        """
        return dict(self._values), self.services

    def restore(self, saved: Saved) -> None:
        """
        Be as it was.
        """
        self._values, self.services = saved

    def all(self, name: str) -> list[str]:
        """
        Give an option's values.
        """
        default = OPTIONS[name.lower()].default
        return self._values.get(name.lower(), [] if default is None else [default])

    def first(self, name: str) -> str:
        """
        Give an option's first value, or nothing.
        """
        return next(iter(self.all(name)), "")

    @property
    def text(self) -> str:
        """
        All that is set, as a torrc.
        """
        lines = [
            f"{OPTIONS[name].name} {value}"
            for name, values in sorted(self._values.items())
            for value in values
        ]
        return "\n".join([*lines, *(f"{name} {value}" for name, value in self.services)])

    @property
    def cookiePath(self) -> str:
        """
        The file of the cookie.
        """
        return self.first("CookieAuthFile") or (
            self.first("DataDirectory") + "/control_auth_cookie"
        )

    def cookie(self) -> bytes:
        """
        Give the 32 bytes that prove a controller's right to be one, made when first needed.
        """
        if self._cookie is None:
            self._cookie = _newCookie(self.cookiePath)
        return self._cookie

    def showCookie(self) -> None:
        """
        Have the cookie in its file, if controllers shall have one.
        """
        if self.first("CookieAuthentication") == "1":
            self.cookie()

    # The commands.

    def getConf(self, text: str) -> list[str]:
        """
        Answer C{GETCONF}.
        """
        names = text.split()
        unknown = [name for name in names if name.lower() not in OPTIONS]
        if unknown:
            raise Refused(552, *(f'Unrecognized configuration key "{name}"' for name in unknown))
        found = [line for name in names for line in self._shown(name.lower())]
        return inline(250, found) if found else ["250 OK"]

    def _shown(self, name: str) -> list[str]:
        known = OPTIONS[name].name
        if name == _ALL_IN_FOLDERS:
            pairs = self.services
        elif name in _IN_FOLDERS:  # tor compares no more than the beginning
            pairs = [pair for pair in self.services if pair[0].lower().startswith(name)]
        else:
            pairs = [(known, value) for value in self.all(name) if value]
        return [f"{its}={value}" for its, value in pairs] or [known]

    def setConf(self, text: str, *, reset: bool = False) -> None:
        """
        Do what C{SETCONF} says, or C{RESETCONF}.
        """
        changes: dict[str, list[str]] = {}
        inFolders: Lines | None = None
        for name, value in _pairs("RESETCONF" if reset else "SETCONF", text):
            _check(name, value)
            if name.lower() in _IN_FOLDERS or name.lower() == _ALL_IN_FOLDERS:
                inFolders = inFolders or []
                inFolders += [(OPTIONS[name.lower()].name, value)] if value else []
            else:
                changes.setdefault(name.lower(), []).extend([value] if value else [])
        for name, values in changes.items():
            if values:
                self._values[name] = values
            elif not reset and OPTIONS[name].numeric:
                self._values[name] = ["0"]
            else:
                self._values.pop(name, None)
        if inFolders is not None:
            self.services = inFolders
        if {"cookieauthfile", "cookieauthentication"} & changes.keys():
            self._cookie = None

    def loadConf(self, lines: list[str]) -> None:
        """
        Do what C{LOADCONF} says: be what these lines of a torrc say, and nothing else.
        """
        values: dict[str, list[str]] = {}
        self.services = []
        for line in lines:
            name, _, value = line.strip().partition(" ")
            option = OPTIONS.get(name.lower())
            if option is None:
                raise Refused(
                    552,
                    "Invalid config file: Failed to parse/validate config: Unknown option"
                    f" '{name}'.  Failing.",
                )
            if option.name in SERVICE_OPTIONS:
                self.services.append((option.name, value.strip()))
            else:
                values.setdefault(name.lower(), []).append(value.strip())
        before, self._values = self.first("DataDirectory"), values
        if self.first("DataDirectory") != before:
            raise Refused(
                553,
                "Transition not allowed: Failed to parse/validate config: While Tor is running,"
                " changing DataDirectory is not allowed",
            )

    def changesSince(self, saved: Saved) -> list[str]:
        """
        Give what an event tells of what has changed.
        """
        values, services = saved
        lines = [
            line
            for name in dict.fromkeys([*values, *self._values])
            if values.get(name) != self._values.get(name)
            for line in self._shown(name)
        ]
        return lines + (self._shown(_ALL_IN_FOLDERS) if services != self.services else [])


def _check(name: str, value: str) -> None:
    option = OPTIONS.get(name.lower())
    if option is None:
        raise Refused(552, f"Unrecognized option: Unknown option '{name}'.  Failing.")
    if option.kind == "Boolean" and value not in {"", "0", "1"}:
        raise Refused(
            513,
            f"Unacceptable option value: Could not parse {option.name}: Unrecognized value"
            f" {value}. Allowed values are 0 and 1.",
        )
    if option.fixed:
        raise Refused(
            553,
            f"Transition not allowed: While Tor is running, changing {option.name} is not allowed",
        )


def _pairs(command: str, text: str) -> Lines:
    pairs, position = [], 0
    while text[position:].strip():
        match = _PAIR.match(text, position)
        if match is None:
            raise Refused(512, f"Bad arguments to {command}: Cannot parse keyword argument(s)")
        name, quoted, plain = match.groups()
        pairs.append((name, re.sub(r"\\(.)", r"\1", quoted) if quoted else plain or ""))
        position = match.end()
    return pairs


def _newCookie(path: str) -> bytes:
    """
    Make a cookie and the file that shows it to those who may read it.
    """
    cookie = os.urandom(32)
    with open(path, "wb", opener=_private) as file:
        file.write(cookie)
    return cookie


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
