# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What a fake tor is configured to be, and the commands that ask for it and change it
(control-spec, sections 3.1 to 3.3).

It knows fewer options than tor does; of most, it remembers the value and no more.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from onionp2p.testing.faketor.replies import Refused, inline

__all__ = ["Configuration"]


@dataclass(frozen=True)
class _Kind:
    """
    What an option takes.

    @ivar default: its value where none is set; L{None} for none.
    @ivar fixed: whether a running tor refuses to change it.
    """

    name: str
    default: str | None = None
    boolean: bool = False
    fixed: bool = False

    @property
    def numeric(self) -> bool:
        """
        Whether it is a number, which C{SETCONF} without a value makes 0.
        """
        return self.default is not None and self.default.isdecimal()


_OPTIONS = [
    *(
        _Kind(name, default="1" if name == "VanguardsLiteEnabled" else "0", boolean=True)
        for name in (
            "AvoidDiskWrites ClientOnly ConnectionPadding CookieAuthentication DisableNetwork"
            " DormantCanceledByStartup FetchUselessDescriptors HiddenServiceNonAnonymousMode"
            " HiddenServiceSingleHopMode LeaveStreamsUnattached SafeSocks TestSocks UseBridges"
            " UseEntryGuards VanguardsLiteEnabled __ReloadTorrcOnSIGHUP"
        ).split()
    ),
    *(
        _Kind(name)
        for name in (
            "Address Bridge ClientOnionAuthDir ClientTransportPlugin ContactInfo ControlPort"
            " CookieAuthFile DirAuthority EntryNodes ExcludeNodes HashedControlPassword"
            " HiddenServiceDir HiddenServiceExportCircuitID HiddenServiceMaxStreams"
            " HiddenServiceOptions HiddenServicePort MapAddress Nickname SocksPolicy SocksPort"
        ).split()
    ),
    *(
        _Kind(name, default=default)
        for name, default in {
            "BandwidthRate": "1073741824",
            "CircuitBuildTimeout": "60",
            "Log": "notice stdout",
            "LogTimeGranularity": "1000",
            "MaxCircuitDirtiness": "600",
            "MaxClientCircuitsPending": "32",
            "NewCircuitPeriod": "30",
            "SafeLogging": "1",
            "SocksTimeout": "120",
        }.items()
    ),
    _Kind("DataDirectory", default="/var/lib/faketor", fixed=True),
    _Kind("NoExec", default="0", boolean=True),
    _Kind("User", fixed=True),
]
_BY_NAME = {kind.name.lower(): kind for kind in _OPTIONS}
_PAIR = re.compile(r'\s*([^\s="]+)(?:=(?:"((?:[^"\\]|\\.)*)"(?=\s|$)|([^\s"]*)(?=\s|$)))?(?=\s|$)')


class Configuration:
    """
    A tor's options.
    """

    def __init__(self, **values: str) -> None:
        self._values = {name.lower(): [value] for name, value in values.items()}
        self._cookie: bytes | None = None

    @staticmethod
    def names() -> list[str]:
        """
        Give the options that there are.
        """
        return sorted(_BY_NAME[name].name for name in _BY_NAME)

    def all(self, name: str) -> list[str]:
        """
        Give an option's values.
        """
        default = _BY_NAME[name.lower()].default
        return self._values.get(name.lower(), [] if default is None else [default])

    def first(self, name: str) -> str:
        """
        Give an option's first value, or nothing.
        """
        return next(iter(self.all(name)), "")

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

    # The commands.

    def getConf(self, text: str) -> list[str]:
        """
        Answer C{GETCONF}.
        """
        names = text.split()
        unknown = [name for name in names if name.lower() not in _BY_NAME]
        if unknown:
            raise Refused(552, *(f'Unrecognized configuration key "{name}"' for name in unknown))
        found = []
        for name in names:
            known = _BY_NAME[name.lower()].name
            values = self.all(name)
            found += [f"{known}={value}" for value in values if value] or [known]
        return inline(250, found) if found else ["250 OK"]

    def setConf(self, text: str, *, reset: bool = False) -> list[str]:
        """
        Answer C{SETCONF}, or C{RESETCONF}.
        """
        command = "RESETCONF" if reset else "SETCONF"
        changes: dict[str, list[str]] = {}
        for name, value in _pairs(command, text):
            kind = _BY_NAME.get(name.lower())
            if kind is None:
                raise Refused(552, f"Unrecognized option: Unknown option '{name}'.  Failing.")
            if kind.boolean and value not in {"", "0", "1"}:
                raise Refused(
                    513,
                    f"Unacceptable option value: Could not parse {kind.name}: Unrecognized value"
                    f" {value}. Allowed values are 0 and 1.",
                )
            if kind.fixed:
                raise Refused(
                    553,
                    "Transition not allowed: While Tor is running, changing"
                    f" {kind.name} is not allowed",
                )
            changes.setdefault(name.lower(), []).extend([value] if value else [])
        for name, values in changes.items():
            if values:
                self._values[name] = values
            elif not reset and _BY_NAME[name].numeric:
                self._values[name] = ["0"]
            else:
                self._values.pop(name, None)
        if self.first("CookieAuthentication") == "1" and {"cookieauthfile"} & changes.keys():
            self._cookie = None
        if self.first("CookieAuthentication") == "1":
            self.cookie()
        return ["250 OK"]


def _pairs(command: str, text: str) -> list[tuple[str, str]]:
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
