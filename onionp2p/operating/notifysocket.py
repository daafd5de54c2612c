# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The socket on which systemd listens to a service: sd_notify(3), without its library.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress

from onionp2p.local.places import LONGEST_PATH

__all__ = ["NotifySocket", "watchdogSeconds"]

_MICROSECONDS = 1_000_000
_LONGEST_NUMBER = 18
_SHORTEST = 0.01  # seconds; to answer to less would be all that we do


class NotifySocket:
    """
    C{$NOTIFY_SOCKET}.
    """

    def __init__(self, address: str) -> None:
        """
        @param address: a path, or an abstract name after C{@}.

        @raise ValueError: if it is neither.
        """
        longest = LONGEST_PATH + address.startswith("@")  # an abstract name has no closing NUL
        if address[:1] not in {"/", "@"} or len(os.fsencode(address)) > longest:
            raise ValueError(f"NOTIFY_SOCKET is no UNIX socket: {address[:120]!r}")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def send(self, **fields: str) -> None:
        """
        Tell systemd.

        @param fields: C{READY="1"}, for example.

        @raise OSError: if that can't be done now.
        """
        text = "\n".join(f"{name}={value}" for name, value in fields.items())
        self._socket.sendto(text.encode("utf-8"), self._address)

    def close(self) -> None:
        """
        Give the descriptor back.
        """
        with suppress(OSError):
            self._socket.close()


def watchdogSeconds(environment: Mapping[str, str]) -> float | None:
    """
    Tell within how many seconds systemd wants to hear of this process each time, if it does
    (sd_watchdog_enabled(3)).
    """
    microseconds = environment.get("WATCHDOG_USEC", "")
    pid = environment.get("WATCHDOG_PID", str(os.getpid()))
    if pid != str(os.getpid()) or len(microseconds) > _LONGEST_NUMBER:
        return None
    if not (microseconds.isascii() and microseconds.isdecimal()):
        return None
    seconds = int(microseconds) / _MICROSECONDS
    return seconds if seconds >= _SHORTEST else None
