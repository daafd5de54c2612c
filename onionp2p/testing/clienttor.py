# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A tor in a private network for programs that are not Twisted's: stem, curl, Go, Rust.

It has what ours has not, a SOCKS and a control port on loopback TCP: that is what they expect.
"""

from __future__ import annotations

import os

from twisted.internet.interfaces import IReactorTime

from onionp2p.tor.bootstrap import Bootstrap
from onionp2p.tor.control import TorControl
from onionp2p.tor.process import TorProcess
from onionp2p.tor.torrc import quotePath
from onionp2p.tor.words import parseStrings

__all__ = ["ClientTor"]

_TORRC = """
DataDirectory {quotedFolder}
__OwningControllerFD {descriptor}
__ReloadTorrcOnSIGHUP 0
ClientOnly 1
SocksPort 127.0.0.1:auto ExtendedErrors
ControlPort 127.0.0.1:auto
CookieAuthentication 1
CookieAuthFile {quotedCookie}
Log notice stdout
"""


class ClientTor:
    """
    A client and a host of onion services, for other programs.

    @ivar environment: where it is, in the variables that Tor's own programs use.
    @ivar pid: its process id.
    """

    def __init__(self, reactor: IReactorTime, program: str, folder: str, shared: str) -> None:
        """
        Spawn it.

        @param folder: its DataDirectory, which exists.
        @param shared: the lines of the network.
        """
        self._cookie = os.path.join(folder, "control.authcookie")
        self._control = TorControl(reactor)
        self._bootstrap = Bootstrap(reactor, self._control)
        self._process = TorProcess(
            reactor,
            program,
            lambda descriptor: (
                shared
                + _TORRC.format(
                    quotedFolder=quotePath(folder),
                    quotedCookie=quotePath(self._cookie),
                    descriptor=descriptor,
                )
            ),
            self._control,
            arguments=["--defaults-torrc", "/dev/null"],
        )
        self.pid = self._process.pid
        self.environment: dict[str, str] = {}

    async def start(self) -> None:
        """
        Wait until it can be used.
        """
        await self._control.ready()
        await self._bootstrap.follow()
        await self._bootstrap.whenDone()
        for name in ("SOCKS", "CONTROL"):
            listeners = parseStrings(await self._control.getInfo(f"net/listeners/{name.lower()}"))
            # The lines of the network may add UNIX sockets.
            first = next(it for it in listeners if not it.startswith("unix:"))
            host, _, port = first.rpartition(":")
            self.environment[f"TOR_{name}_HOST"] = host
            self.environment[f"TOR_{name}_PORT"] = port
        self.environment["TOR_CONTROL_COOKIE_AUTH_FILE"] = self._cookie

    async def stop(self) -> None:
        """
        End it.
        """
        self._bootstrap.stop()
        self._process.kill()
        await self._process.end()

    def stopNow(self) -> None:
        """
        The same, without the reactor.
        """
        self._process.kill()
        self._process.endNow()
