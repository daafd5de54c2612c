# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What a recovery is measured by: a tor with an onion service in its torrc, and a loop that launches
it again, at once, on the same DataDirectory.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import Deferred

from onionp2p.address import OnionAddress
from onionp2p.errors import TorError
from onionp2p.tor.bootstrap import Bootstrap
from onionp2p.tor.control import TorControl
from onionp2p.tor.process import TorProcess
from onionp2p.tor.program import findTor
from onionp2p.tor.torrc import quotePath, renderTorrc
from onionp2p.waiting.outcome import Outcome

__all__ = ["BareTor"]

# ADD_ONION is asked for the defence too.
_SERVICE = """
HiddenServiceDir {service}
HiddenServicePort {port} unix:{target}
HiddenServicePoWDefensesEnabled 1
"""


class BareTor:
    """
    A tor that is always there, and of whose onion nobody else knows anything.

    Its other lines are those of our own tors.  It has a control connection too, by which it is
    measured, and which ends it when we end.

    @ivar pid: the process id of the present one.
    """

    def __init__(self, reactor: Any, folder: str, port: int, target: str, shared: str) -> None:
        """
        @param folder: all that belongs to it, private.
        @param port: the onion's virtual port.
        @param target: the UNIX socket that it leads to.
        @param shared: the lines of the network.
        """
        self._reactor = reactor
        self._program = findTor(None)
        self._folder = folder
        self._port = port
        self._target = target
        self._shared = shared
        self._control: TorControl | None = None
        self._up: Outcome[TorControl] = Outcome()
        self._stopping = False

    def start(self) -> None:
        """
        Launch it, again and again.
        """
        self._launch()
        self._keeping = Deferred.fromCoroutine(self._keepUp())

    async def _keepUp(self) -> None:
        while True:
            await self._process.whenGone()
            self._bootstrap.stop()
            if self._stopping:
                return
            self._up = Outcome()
            ended = self._process
            self._launch()
            await ended.end()  # reaped; it is gone

    def _launch(self) -> None:
        control = self._control = TorControl(self._reactor)
        self._process = TorProcess(
            self._reactor,
            self._program,
            self._torrc,
            control,
            arguments=["--defaults-torrc", "/dev/null"],
        )
        self.pid = self._process.pid
        self._bootstrap = Bootstrap(self._reactor, control)
        following = Deferred.fromCoroutine(self._follow(control))
        following.addErrback(lambda failure: failure.trap(TorError))

    async def _follow(self, control: TorControl) -> None:
        await control.ready()
        await self._bootstrap.follow()
        self._up.succeed(control)

    def _torrc(self, descriptor: int) -> str:
        return (
            self._shared
            + renderTorrc(
                stateDirectory=os.path.join(self._folder, "state"),
                socksPath=os.path.join(self._folder, "socks"),
                owningDescriptor=descriptor,
            )
            + _SERVICE.format(
                service=quotePath(self._service), port=self._port, target=quotePath(self._target)
            )
        )

    @property
    def _service(self) -> str:
        return os.path.join(self._folder, "service")

    async def whenUp(self, after: TorControl | None = None) -> TorControl:
        """
        Give the control connection of the present tor, once that answers.

        @param after: that of a tor which has been killed, if that is not the one that's meant.
        """
        if after is not None:
            await after.whenLost()
            if self._control is after:  # that its process is gone, we hear later
                await self._process.whenGone()
        return await self._up.wait()

    @property
    def address(self) -> OnionAddress:
        """
        Whom to dial, once it was up.
        """
        with open(os.path.join(self._service, "hostname")) as file:
            return OnionAddress(file.read().strip().removesuffix(".onion"), self._port)

    async def stop(self) -> None:
        """
        End it.
        """
        self._stopping = True
        await self._process.end()
        await self._keeping
