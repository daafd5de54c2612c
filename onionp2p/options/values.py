# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The options of one endpoint string, read by the types of their values.
"""

from __future__ import annotations

import os
import re
from enum import Enum
from typing import TypeVar

from onionp2p.address import AddressError, OnionAddress, parsePort
from onionp2p.local.places import Place, PortOrPath
from onionp2p.options.records import ONION_IDENTITY, TorOptions
from onionp2p.options.written import Written
from onionp2p.protocolname import checkProtocolName

__all__ = ["Options"]

_Choice = TypeVar("_Choice", bound=Enum)

_DAY = 86400.0
_LONGEST_PATH = 4096
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,10}", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class Options(Written):
    """
    The options of one endpoint string, each of them read by the type of its value.
    """

    def address(self) -> OnionAddress:
        """
        Read C{addr=}, whose port may stand in it, behind it or in C{port=}.
        """
        text = self.values["addr"]
        # Twisted splits a description at its colons, so that the port of addr=X.onion:7777 arrives
        # as an argument of its own.
        if self.positional:
            text = f"{text}:{self.positional.pop(0)}"
        try:
            return OnionAddress.fromString(text, self.port())
        except AddressError as problem:
            raise self.wrong("addr", f"is no address: {problem}") from None

    def port(self) -> int | None:
        """
        Read C{port=}.
        """
        if "port" not in self:
            return None
        try:
            return parsePort(self.values["port"])
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
            return kind(self.values[name])
        except ValueError:
            words = " or ".join(str(member.value) for member in kind)
            raise self.wrong(name, f"takes {words}") from None

    def yesOrNo(self, name: str) -> bool:
        """
        Read C{yes} or C{no}, the default.
        """
        if self.values.get(name, "no") not in {"yes", "no"}:
            raise self.wrong(name, "takes yes or no")
        return self.values.get(name) == "yes"

    def number(self, name: str, least: int, most: int) -> int | None:
        """
        Read a whole number.
        """
        if name not in self:
            return None
        text = self.values[name]
        if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
            raise self.wrong(name, f"takes a number, {least} to {most}")
        return int(text)

    def seconds(self, name: str, default: float) -> float:
        """
        Read a time.
        """
        if name not in self:
            return default
        text = self.values[name]
        if not _SECONDS.fullmatch(text) or not 0 < float(text) <= _DAY:
            raise self.wrong(name, f"takes seconds, more than 0 and at most {_DAY:.0f}")
        return float(text)

    def secondsOrNo(self, name: str, default: float) -> float | None:
        """
        Read a time, or C{no}.
        """
        return None if self.values.get(name) == "no" else self.seconds(name, default)

    def word(self, name: str) -> str | None:
        """
        Read a word.
        """
        if name not in self:
            return None
        if not _WORD.fullmatch(self.values[name]):
            raise self.wrong(name, "takes a word of letters, digits, '.', '_' and '-', at most 64")
        return self.values[name]

    def protocol(self) -> str | None:
        """
        Read C{protocol=}.
        """
        if "protocol" not in self:
            return None
        name = self.values["protocol"]
        try:
            if name.isprintable():
                return checkProtocolName(name)
        except ValueError as problem:
            raise self.wrong("protocol", f"is none, as /my/app/1.0: {problem}") from None
        raise self.wrong("protocol", "is none, as /my/app/1.0: it can't be shown")

    def identity(self) -> str | None:
        """
        Read C{identity=}, which is a file or our onion's own key.
        """
        if self.text("identity") == ONION_IDENTITY:
            return ONION_IDENTITY
        return self.path("identity")

    def path(self, name: str) -> str | None:
        """
        Give an absolute path, since C{twistd} changes its folder before it runs; C{~} stays, since
        it changes its user too.
        """
        if name not in self:
            return None
        path = _absolute(self.values[name])
        if path is None:
            raise self.wrong(name, "takes the path of a file or folder")
        return path

    def portOrPath(self, name: str) -> PortOrPath | None:
        """
        Read a TCP port of this machine or the path of a socket.
        """
        if name not in self:
            return None
        text = self.values[name]
        if text.isascii() and text.isdigit():
            try:
                return parsePort(text)
            except AddressError as problem:
                raise self.wrong(name, f"is no port: {problem}") from None
        path = _absolute(text)
        if (
            path is None
            or text.lower().startswith(("tcp", "unix:", "localhost", "127.0.0.1"))
            or Place(path=path).isTooLong
        ):
            raise self.wrong(name, "takes a port of 127.0.0.1 or the path of a UNIX socket")
        return path

    def target(self, name: str) -> PortOrPath | None:
        r"""
        Read C{unix\:PATH} or C{tcp\:127.0.0.1\:PORT}.
        """
        if name not in self:
            return None
        kind, _, rest = self.values[name].partition(":")
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
        text = self.values[name]
        try:
            return OnionAddress.fromString(text, None if ":" in text else 1).label
        except AddressError as problem:
            raise self.wrong(name, f"is no address: {problem}") from None

    def tor(self) -> TorOptions:
        """
        Read which tor to use.
        """
        return TorOptions(
            torrc=self.path("torrc"),
            defaultsTorrc=self.path("defaultstorrc"),
            state=self.path("state"),
            program=self.path("tor"),
            control=self.portOrPath("control"),
        )


def _absolute(text: str) -> str | None:
    if not text or len(text) > _LONGEST_PATH or not text.isprintable():
        return None
    return text if text == "~" or text.startswith("~/") else os.path.abspath(text)
