# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The options of one endpoint string, and their values by type.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import TypeVar

from onionp2p.address import AddressError, OnionAddress, parsePort
from onionp2p.options.records import LocalSocket, TorOptions

__all__ = ["TOR_OPTIONS", "Arguments", "Keywords", "Options"]

Arguments = Sequence[object]
Keywords = Mapping[str, object]
_Choice = TypeVar("_Choice", bound=Enum)

TOR_OPTIONS = frozenset({"torrc", "defaultstorrc", "state", "tor", "control"})
_DAY = 86400.0
_LONGEST_PATH = 4096
_LONGEST_SOCKET = 107  # bytes, on Linux
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,10}", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class Options:
    """
    The arguments of one endpoint string.  Every question about one is answered or fails with a
    C{ValueError} that names it.

    @ivar positional: those without a name, but for the first.
    """

    def __init__(self, mode: str, args: Arguments, keywords: Keywords) -> None:
        """
        @param mode: what the first argument has to be.
        """
        positional = [_text(arg) for arg in args]
        self._name = f"onionp2p:{mode}"
        self._values = {name: _text(value) for name, value in keywords.items()}
        self._checkMode(positional[0] if positional else "", mode)
        self.positional = positional[1:]

    @staticmethod
    def _checkMode(given: str, mode: str) -> None:
        functions = {"listen": "serverFromString", "dial": "clientFromString"}
        if given != mode and given in functions:
            raise ValueError(
                f"onionp2p:{given} is not for {functions[mode]}: use {functions[given]}"
            )
        if given != mode:
            raise ValueError(f"onionp2p: expected onionp2p:{mode}:…, not onionp2p:{given[:20]}")

    def __contains__(self, name: str) -> bool:
        return name in self._values

    @property
    def names(self) -> AbstractSet[str]:
        """
        The options that are given.
        """
        return self._values.keys()

    def wrong(self, name: str, expected: str) -> ValueError:
        """
        Give the error that says what option C{name} takes.
        """
        return ValueError(f"{self._name}: {name}= {expected}")

    def checkNames(self, known: Collection[str]) -> None:
        """
        Refuse every option that is not one of C{known}.
        """
        for name in self._values:
            if name not in known:
                takes = ", ".join(sorted(known))
                raise ValueError(f"{self._name}: unknown option {name[:40]!r}; it takes {takes}")

    def text(self, name: str) -> str | None:
        """
        Give an option as it was written.
        """
        return self._values.get(name)

    def checkAlone(self, name: str, others: Collection[str], why: str) -> None:
        """
        Refuse C{others} where C{name} is given.
        """
        for other in sorted(others):
            if name in self and other in self:
                raise self.wrong(other, f"has no use with {name}=, {why}")

    def address(self) -> OnionAddress:
        """
        Read C{addr=}, whose port may stand in it, behind it or in C{port=}.
        """
        text = self._values["addr"]
        # Twisted splits a description at its colons, so that the port of addr=X.onion:7777 arrives
        # as an argument of its own.
        if self.positional:
            text = f"{text}:{self.positional.pop(0)}"
        try:
            return OnionAddress.fromString(text, self.port())
        except AddressError as problem:
            raise self.wrong("addr", f"is no address: {problem}") from None

    def checkPositional(self) -> None:
        """
        Refuse what belongs to no option.
        """
        for text in self.positional:
            raise ValueError(
                f"{self._name}: {text[:40]!r} belongs to no option (is a colon of a"
                " value written as \\: ?)"
            )

    def port(self) -> int | None:
        """
        Read C{port=}.
        """
        if "port" not in self:
            return None
        try:
            return parsePort(self._values["port"])
        except AddressError as problem:
            raise self.wrong("port", f"is no port: {problem}") from None

    def choice(self, name: str, default: _Choice) -> _Choice:
        """
        Read one of the values of an enumeration.
        """
        if name not in self:
            return default
        kind = type(default)
        try:
            return kind(self._values[name])
        except ValueError:
            words = " or ".join(str(member.value) for member in kind)
            raise self.wrong(name, f"takes {words}") from None

    def yesOrNo(self, name: str) -> bool:
        """
        Read C{yes} or C{no}, the default.
        """
        if self._values.get(name, "no") not in {"yes", "no"}:
            raise self.wrong(name, "takes yes or no")
        return self._values.get(name) == "yes"

    def number(self, name: str, least: int, most: int) -> int | None:
        """
        Read a whole number.
        """
        if name not in self:
            return None
        text = self._values[name]
        if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
            raise self.wrong(name, f"takes a number, {least} to {most}")
        return int(text)

    def seconds(self, name: str, default: float) -> float:
        """
        Read a time.
        """
        if name not in self:
            return default
        text = self._values[name]
        if not _SECONDS.fullmatch(text) or not 0 < float(text) <= _DAY:
            raise self.wrong(name, f"takes seconds, more than 0 and at most {_DAY:.0f}")
        return float(text)

    def secondsOrNo(self, name: str, default: float) -> float | None:
        """
        Read a time, or C{no}.
        """
        return None if self._values.get(name) == "no" else self.seconds(name, default)

    def word(self, name: str) -> str | None:
        """
        Read a word.
        """
        if name not in self:
            return None
        if not _WORD.fullmatch(self._values[name]):
            raise self.wrong(name, "takes a word of letters, digits, '.', '_' and '-', at most 64")
        return self._values[name]

    def protocol(self) -> str | None:
        """
        Read C{protocol=}, without which C{identity=} has no use.
        """
        if "protocol" not in self:
            if "identity" in self:
                raise self.wrong("identity", "needs protocol=: it is who we are to libp2p peers")
            return None
        # Who names a protocol needs all of libp2p soon; nobody else is to pay for it.
        from onionp2p.libp2p.multistream import checkName

        name = self._values["protocol"]
        try:
            if name.isprintable():
                return checkName(name)
        except ValueError as problem:
            raise self.wrong("protocol", f"is none, as /my/app/1.0: {problem}") from None
        raise self.wrong("protocol", "is none, as /my/app/1.0: it can't be shown")

    def path(self, name: str) -> str | None:
        """
        Give an absolute path, since C{twistd} changes its folder before it runs; C{~} stays, since
        it changes its user too.
        """
        if name not in self:
            return None
        path = _absolute(self._values[name])
        if path is None:
            raise self.wrong(name, "takes the path of a file or folder")
        return path

    def portOrPath(self, name: str) -> LocalSocket | None:
        """
        Read a TCP port of this machine or the path of a socket.
        """
        if name not in self:
            return None
        text = self._values[name]
        if text.isascii() and text.isdigit():
            try:
                return parsePort(text)
            except AddressError as problem:
                raise self.wrong(name, f"is no port: {problem}") from None
        path = _absolute(text)
        if (
            path is None
            or text.lower().startswith(("tcp", "unix:", "localhost", "127.0.0.1"))
            or len(os.fsencode(path)) > _LONGEST_SOCKET
        ):
            raise self.wrong(name, "takes a port of 127.0.0.1 or the path of a UNIX socket")
        return path

    def target(self, name: str) -> LocalSocket | None:
        r"""
        Read C{unix\:PATH} or C{tcp\:127.0.0.1\:PORT}.
        """
        if name not in self:
            return None
        kind, _, rest = self._values[name].partition(":")
        path = _absolute(rest) if kind == "unix" else None
        if path is not None:
            return path
        host, _, port = rest.partition(":")
        if kind == "tcp" and host == "127.0.0.1":
            try:
                return parsePort(port)
            except AddressError:
                pass
        raise self.wrong(name, r"takes unix\:PATH or tcp\:127.0.0.1\:PORT")

    def onion(self, name: str) -> str | None:
        """
        Read an onion address without a port, or with one that has no meaning.

        @return: its 56 characters.
        """
        if name not in self:
            return None
        text = self._values[name]
        try:
            return OnionAddress.fromString(text, None if ":" in text else 1).label
        except AddressError as problem:
            raise self.wrong(name, f"is no address: {problem}") from None

    def tor(self) -> TorOptions:
        """
        Read which tor to use.
        """
        why = "which uses a tor that is already running"
        self.checkAlone("control", TOR_OPTIONS - {"control"}, why)
        return TorOptions(
            torrc=self.path("torrc"),
            defaultsTorrc=self.path("defaultstorrc"),
            state=self.path("state"),
            program=self.path("tor"),
            control=self.portOrPath("control"),
        )


def _text(value: object) -> str:
    """
    Twisted passes the parts of a C{bytes} description on as C{bytes}.
    """
    try:
        text = value.decode("utf-8") if isinstance(value, bytes) else value
    except UnicodeDecodeError:
        raise ValueError("onionp2p: the description is not UTF-8") from None
    if isinstance(text, int | float) and not isinstance(text, bool):
        text = str(text)
    if not isinstance(text, str):
        kind = type(text).__name__
        raise ValueError(f"onionp2p: an option is text or a number, not {kind}")  # noqa: TRY004 - as of all
    return text


def _absolute(text: str) -> str | None:
    if not text or len(text) > _LONGEST_PATH or not text.isprintable():
        return None
    return text if text == "~" or text.startswith("~/") else os.path.abspath(text)
