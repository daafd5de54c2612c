# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The kinds of values that are places on this machine: files, folders, ports and sockets.
"""

from __future__ import annotations

import os
from typing import Any

from onionp2p.local.places import LONGEST_PATH, Place
from onionp2p.options.kinds import Kind, Port

__all__ = ["ONION_IDENTITY", "Auth", "Identity", "Path", "Socket", "Target"]

ONION_IDENTITY = "onion"
"""
In the place of a path, which is absolute: the onion's own key is its libp2p identity.
"""

_LONGEST_PATH = 4096


class Path(Kind):
    """
    The path of a file or folder.
    """

    expected = "takes the path of a file or folder"

    def read(self, text: str) -> Any:
        """
        Give it absolute, since C{twistd} changes its folder before it runs; C{~} stays, since it
        changes its user too.
        """
        self.check(text)
        path = _absolute(text)
        self.check(path)
        return path

    def holds(self, value: Any) -> bool:
        return isinstance(value, str) and 0 < len(value) <= _LONGEST_PATH and value.isprintable()


class Identity(Path):
    """
    The file of a libp2p identity, or L{ONION_IDENTITY}.
    """

    def read(self, text: str) -> Any:
        return text if text == ONION_IDENTITY else super().read(text)


class Auth(Path):
    """
    A client's key, which no string can hold, or its file.
    """

    def holds(self, value: Any) -> bool:
        from onionp2p.clients.x25519 import ClientKey  # few programs need it

        return isinstance(value, ClientKey) or super().holds(value)


class Socket(Path):
    """
    A TCP port of this machine, or the path of a UNIX socket.
    """

    expected = (
        f"takes a port of 127.0.0.1 or the path of a UNIX socket, at most {LONGEST_PATH} bytes"
    )
    _port = Port()

    def read(self, text: str) -> Any:
        return self._port.read(text) if _isNumber(text) else super().read(text)

    def check(self, value: object) -> None:
        if isinstance(value, int):
            self._port.check(value)
        else:
            super().check(value)

    def holds(self, value: Any) -> bool:
        return (
            super().holds(value)
            and not _isNumber(value)
            and not value.lower().startswith(("tcp", "unix:", "localhost", "127.0.0.1"))
            and not Place(path=value).isTooLong
        )


class Target(Socket):
    r"""
    Where tor delivers, the same, written C{tcp\:127.0.0.1\:PORT} or C{unix\:PATH}.
    """

    def read(self, text: str) -> Any:
        kind, _, rest = text.partition(":")
        if kind == "unix" and Path.holds(self, rest):
            path = _absolute(rest)
            self.check(path)
            return path
        host, _, port = rest.partition(":")
        if kind == "tcp" and host == "127.0.0.1":
            return self._port.read(port)
        raise ValueError(r"takes unix\:PATH or tcp\:127.0.0.1\:PORT")


def _absolute(path: str) -> str:
    return path if path == "~" or path.startswith("~/") else os.path.abspath(path)


def _isNumber(text: str) -> bool:
    return text.isascii() and text.isdigit()
